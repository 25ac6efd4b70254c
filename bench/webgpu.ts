/**
 * How fast the GPU is: BERT-base with made-up weights at every level and precision, from the call with token ids on the
 * host to logits on the host; each level's kernels, bytes and FLOPs as `fusebert explain` counts them.
 */
import { bertBase } from "../src/checkpoint/bert-base.ts";
import { type GpuPrecision, gpuPrecisions } from "../src/engines/webgpu/codegen/storage.ts";
import { messageOf } from "../src/errors.ts";
import { allBytes } from "../src/explain/costs.ts";
import { explainLevel } from "../src/explain/explain.ts";
import { bestLevel, type Level, levels } from "../src/passes/levels.ts";
import { createGpuEngine } from "../src/platform/node.ts";
import { bertForQuestionAnswering } from "../src/program/bert.ts";
import { selectOutputs } from "../src/program/program.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { machineLine } from "./machine.ts";
import { batchOf, randomParameters, works } from "./random-bert.ts";

const program = selectOutputs(bertForQuestionAnswering(bertBase), ["start_logits", "end_logits"]);

/** What an NVIDIA H200 was seen to do (docs/architecture.md): float16 matmuls in tensor cores, and copies. */
const roofline = { flops: 790e12, bytes: 4.3e12 };

export async function benchWebGpu(): Promise<void> {
  console.log(machineLine());
  const parameters = randomParameters(bertBase);
  console.log("\nThe ladder, 1 × 384, kernels checked by Dawn:\n");
  console.log(
    "| precision | level | kernels | GFLOP | MB moved | ms | TFLOP/s | GB/s | share of the roofline | ready in s |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const precision of gpuPrecisions) for (const level of levels) await ladderRow(parameters, precision, level);
  console.log(`\nBatches at ${bestLevel}, ms, median (fastest):\n`);
  console.log(`| precision | kernels | ${works.map((work) => work.join(" × ")).join(" | ")} |`);
  console.log(`| --- | --- | ${works.map(() => "---").join(" | ")} |`);
  for (const trusted of [false, true])
    for (const precision of gpuPrecisions) await batchRow(parameters, precision, trusted);
}

async function ladderRow(parameters: ReadonlyMap<string, Tensor<"f32">>, precision: GpuPrecision, level: Level) {
  const timed = await measure(parameters, { precision, level }, [[1, 384]]);
  if (typeof timed === "string") {
    console.log(`| ${precision} | ${level} | ${timed} |`);
    return;
  }
  const [{ median }] = timed.times as [Time];
  const { totals } = explainLevel(bertBase, level, precision, 384);
  const bytes = allBytes(totals.bytes);
  const bound = Math.max(totals.flops / roofline.flops, bytes / roofline.bytes);
  const cells = [
    precision,
    level,
    totals.kernels,
    (totals.flops / 1e9).toFixed(1),
    (bytes / 1e6).toFixed(0),
    median.toFixed(2),
    (totals.flops / median / 1e9).toFixed(1),
    (bytes / median / 1e6).toFixed(0),
    `${((100_000 * bound) / median).toFixed(1)} %`,
    timed.ready.toFixed(2),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}

async function batchRow(parameters: ReadonlyMap<string, Tensor<"f32">>, precision: GpuPrecision, trusted: boolean) {
  const timed = await measure(parameters, { precision, trustedKernels: trusted }, works);
  const cells =
    typeof timed === "string"
      ? [timed]
      : timed.times.map(({ median, fastest }) => `${median.toFixed(2)} (${fastest.toFixed(2)})`);
  console.log(`| ${precision} | ${trusted ? "trusted" : "checked"} | ${cells.join(" | ")} |`);
}

const warmUpMs = 600;

interface Time {
  readonly median: number;
  readonly fastest: number;
}

/** @returns why not, where the GPU does not have the precision. */
async function measure(
  parameters: ReadonlyMap<string, Tensor<"f32">>,
  options: NonNullable<Parameters<typeof createGpuEngine>[0]>,
  sizes: readonly (readonly [number, number])[],
): Promise<{ readonly ready: number; readonly times: readonly Time[] } | string> {
  const engine = await createGpuEngine({ ...options, skipSelfTest: true });
  try {
    const started = performance.now();
    const executable = await engine.compile(program, async (name) => parameters.get(name) as Tensor<"f32">);
    const ready = (performance.now() - started) / 1000;
    const times: Time[] = [];
    for (const [batch, sequence] of sizes) {
      const inputs = batchOf(bertBase, batch, sequence);
      const once = async (): Promise<number> => {
        const before = performance.now();
        await executable.run(inputs);
        return performance.now() - before;
      };
      // A GPU that was idle takes a while to come to its full clock.
      for (const start = performance.now(); performance.now() - start < warmUpMs; ) await once();
      const runs: number[] = [];
      for (let run = 0; run < (batch > 1 ? 20 : 100); run++) runs.push(await once());
      runs.sort((a, b) => a - b);
      times.push({ median: runs[runs.length >> 1] as number, fastest: runs[0] as number });
    }
    await executable.dispose();
    return { ready, times };
  } catch (error) {
    return messageOf(error);
  } finally {
    await engine.dispose();
  }
}
