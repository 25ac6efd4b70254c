/**
 * `npm run bench` compares fusebert with its peers; `npm run bench -- <name>` runs another benchmark.
 */
import { benchAnswer } from "./answer.ts";
import { benchFamilies } from "./families.ts";
import { benchNativeWasm } from "./native-wasm/main.ts";
import { benchPeers } from "./peers/peers.ts";
import { benchStarts } from "./starts.ts";
import { benchVerify } from "./verify.ts";
import { benchWebGpu } from "./webgpu/index.ts";
import { benchWebGpuProof } from "./webgpu-proof.ts";

const benchmarks: Readonly<Record<string, () => Promise<void>>> = {
  peers: benchPeers,
  starts: benchStarts,
  answer: benchAnswer,
  verify: benchVerify,
  families: benchFamilies,
  "native-wasm": benchNativeWasm,
  webgpu: benchWebGpu,
  "webgpu-proof": benchWebGpuProof,
};

const name = process.argv[2] ?? "peers";
const benchmark = benchmarks[name];
if (benchmark === undefined) {
  console.error(
    `There is no benchmark ${JSON.stringify(name)}; expected one of ${Object.keys(benchmarks).join(", ")}.`,
  );
  process.exitCode = 2;
} else {
  await benchmark();
}
