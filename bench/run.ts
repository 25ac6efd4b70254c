/**
 * `npm run bench -- <name>`: the benchmarks of this repository, one module each.
 */
import { benchAnswer } from "./answer.ts";
import { benchVerify } from "./verify.ts";
import { benchWebGpu } from "./webgpu.ts";
import { benchWebGpuPeers } from "./webgpu-peers.ts";
import { benchWebGpuProof } from "./webgpu-proof.ts";

const benchmarks: Readonly<Record<string, () => Promise<void>>> = {
  answer: benchAnswer,
  verify: benchVerify,
  webgpu: benchWebGpu,
  "webgpu-peers": benchWebGpuPeers,
  "webgpu-proof": benchWebGpuProof,
};

const name = process.argv[2] ?? "";
const benchmark = benchmarks[name];
if (benchmark === undefined) {
  console.error(`There is no benchmark ${JSON.stringify(name)}; there are: ${Object.keys(benchmarks).join(", ")}.`);
  process.exitCode = 2;
} else {
  await benchmark();
}
