/**
 * The GPU benchmarks only, with the arguments of `run.ts`: the entry point of a bundle for a GPU machine without the packages
 * of other benchmarks.
 */
import { benchFamilies } from "../families.ts";
import { benchWebGpuProof } from "../webgpu-proof.ts";
import { benchWebGpu } from "./index.ts";

const benchmarks = { families: benchFamilies, "webgpu-proof": benchWebGpuProof };
const name = process.argv[2] ?? "webgpu";
await (name in benchmarks ? benchmarks[name as keyof typeof benchmarks]() : benchWebGpu());
