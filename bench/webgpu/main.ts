/**
 * The GPU benchmarks only, with the arguments of `run.ts`: the entry point of a bundle for a GPU machine without the packages
 * of other benchmarks.
 */
import { benchWebGpuProof } from "../webgpu-proof.ts";
import { benchWebGpu } from "./index.ts";

await (process.argv[2] === "webgpu-proof" ? benchWebGpuProof() : benchWebGpu());
