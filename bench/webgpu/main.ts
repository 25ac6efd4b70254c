/**
 * The benchmarks of a GPU alone, with the arguments of `run.ts`: what is bundled for a machine that has the GPU, but none of
 * the packages that only other benchmarks need.
 */
import { benchWebGpuProof } from "../webgpu-proof.ts";
import { benchWebGpu } from "./index.ts";

await (process.argv[2] === "webgpu-proof" ? benchWebGpuProof() : benchWebGpu());
