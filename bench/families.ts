/**
 * `npm run bench -- families [--device cpu|webgpu] [--precision P]… [--family F]… [--kernels] [--rounds N] [--tiny]
 * [--output FILE]`: what each family costs at base size beside BERT, with random weights and the same vocabulary for all;
 * with `--kernels` also the time of each kernel on a GPU.
 *
 * On a CPU, BERT and a family take turns, and the figure is the median of their ratios; on a GPU absolute times hold.
 */
import { parseArgs } from "node:util";
import * as onnxruntime from "onnxruntime-node";
import { type ModelConfig, parseModelConfig, questionAnsweringProgram } from "../src/architectures/index.ts";
import { attentionMask, batchInputs, type TokenSequence } from "../src/architectures/inputs.ts";
import type { Executable } from "../src/engines/engine.ts";
import { OnnxEngine } from "../src/engines/onnx/onnx-engine.ts";
import type { GpuPrecision } from "../src/engines/webgpu/device/precision.ts";
import type { RunTrace } from "../src/engines/webgpu/run/run-recording.ts";
import { WebGpuEngine } from "../src/engines/webgpu/webgpu-engine.ts";
import { medianOf } from "../src/format/median.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { selectOutputs } from "../src/program/program.ts";
import { assumeUnmasked } from "../src/rewrites/assume-unmasked.ts";
import {
  goldenError,
  goldenFamilies,
  goldenInputs,
  goldenParameter,
  readGoldenFamilies,
} from "../test/support/golden-families.ts";
import { baseFamilies } from "./families/base-configs.ts";
import { machineLine } from "./machine.ts";
import { Report } from "./report.ts";
import { passOverheadUs, timedKernels } from "./webgpu/kernel-times.ts";
import { byKind, writeWork } from "./webgpu/kernels.ts";
import { randomParameters } from "./webgpu/random-bert.ts";
import type { Work } from "./webgpu/setup.ts";
import { timeRuns } from "./webgpu/timing.ts";

const works: readonly Work[] = [
  [1, 128],
  [1, 384],
  [8, 384],
];

interface Compiled extends AsyncDisposable {
  run(work: Work): Promise<unknown>;
  readonly loadSeconds: number;
  /** Bytes on the GPU; 0 on a CPU. */
  readonly bytes: number;
}

export async function benchFamilies(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      device: { type: "string", default: "cpu" },
      precision: { type: "string", multiple: true, default: ["f16", "f32"] },
      family: { type: "string", multiple: true },
      rounds: { type: "string", default: "5" },
      kernels: { type: "boolean", default: false },
      tiny: { type: "boolean", default: false },
      output: { type: "string" },
    },
  });
  const report = new Report(values.output);
  report.line(`# Families at base size, ${new Date().toISOString().slice(0, 10)}\n\n${machineLine()}`);
  const wanted = Object.entries(baseFamilies).filter(
    ([name]) => name === "bert" || (values.family?.includes(name) ?? true),
  );
  const families = await Promise.all(
    wanted.map(async ([name, config]) => [name, await configOf(name, config, values.tiny)] as const),
  );
  if (values.device === "cpu") await onCpu(report, families, Number.parseInt(values.rounds, 10));
  else {
    for (const precision of values.precision as GpuPrecision[]) {
      await checkOnGpu(report, precision);
      await onGpu(report, families, precision);
      if (values.kernels) await kernelsOnGpu(report, families, precision);
    }
  }
}

async function configOf(name: string, config: object, isTiny: boolean): Promise<ModelConfig> {
  const tiny = { hidden_size: 96, num_attention_heads: 3, intermediate_size: 160, num_hidden_layers: 3 };
  const tinyDistil = { dim: 96, n_heads: 3, hidden_dim: 160, n_layers: 3 };
  const sizes = "dim" in config ? tinyDistil : tiny;
  return parseModelConfig(JSON.stringify(isTiny ? { ...config, ...sizes } : config), name);
}

type Families = readonly (readonly [name: string, config: ModelConfig])[];

async function onCpu(report: Report, [bert, ...others]: Families, rounds: number): Promise<void> {
  if (bert === undefined) return;
  const work: Work = [1, 384];
  report.heading(`CPU, f32, ${work.join(" × ")} tokens: ms, and the median of ${rounds} ratios to BERT in turns`);
  report.tableHead(["family", "ms", "× BERT", "load, s"]);
  await using base = await compileForCpu(bert[1]);
  await base.run(work);
  for (const [name, config] of [bert, ...others]) {
    await using compiled = await compileForCpu(config);
    await compiled.run(work);
    const [times, ratios]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const first = await timed(() => base.run(work));
      const own = await timed(() => compiled.run(work));
      times.push(own);
      // The first and the last of a round surround the family's run.
      ratios.push((2 * own) / (first + (await timed(() => base.run(work)))));
    }
    const cells = [medianOf(times).toFixed(0), medianOf(ratios).toFixed(2), compiled.loadSeconds.toFixed(1)];
    report.row([name, ...cells]);
  }
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

async function onGpu(report: Report, families: Families, precision: GpuPrecision): Promise<void> {
  report.heading(`WebGPU, ${precision}: the median in ms, and × BERT`);
  report.tableHead(["family", ...works.map((work) => work.join(" × ")), "load, s", "MB on the GPU"]);
  const base = new Map<Work, number>();
  for (const [name, config] of families) {
    await using compiled = await compileForGpu(config, precision);
    const cells: string[] = [];
    for (const work of works) {
      const { median } = await timeRuns(() => compiled.run(work), 800, 30);
      if (name === "bert") base.set(work, median);
      cells.push(`${median.toFixed(3)} (${(median / (base.get(work) ?? Number.NaN)).toFixed(2)} ×)`);
    }
    report.row([name, ...cells, compiled.loadSeconds.toFixed(1), (compiled.bytes / 1e6).toFixed(0)]);
  }
}

/** What each kernel takes: where a family's time goes. */
async function kernelsOnGpu(report: Report, families: Families, precision: GpuPrecision): Promise<void> {
  const overheadUs = await passOverheadUs({ warmUpMs: 500 });
  for (const [name, config] of families) {
    report.heading(`WebGPU, ${precision}: kernels of ${name}`);
    const runs: RunTrace[] = [];
    await using plain = await compileForGpu(config, precision);
    await using traced = await compileForGpu(config, precision, (run) => runs.push(run));
    for (const work of works) {
      const { median } = await timeRuns(() => plain.run(work), 500, 30);
      await timeRuns(() => traced.run(work), 500, 0);
      runs.length = 0;
      await timeRuns(() => traced.run(work), 0, 20);
      writeWork(report, { work, overheadUs, totalMs: median, kernels: byKind(timedKernels(runs)) });
    }
  }
}

/** The tiny checkpoints of the tests, against transformers in float64. */
async function checkOnGpu(report: Report, precision: GpuPrecision): Promise<void> {
  const golden = await readGoldenFamilies();
  report.heading(`WebGPU, ${precision}: relative L2 error of the logits of tiny checkpoints, against transformers`);
  report.tableHead(["family", "start", "end"]);
  for (const { name, config } of goldenFamilies) {
    const engine = new WebGpuEngine(await loadDawn(), { skipSelfTest: true, precision });
    const executable = await engine.compile(
      selectOutputs(questionAnsweringProgram(config), outputs),
      goldenParameter(config),
    );
    const found = await executable.run(goldenInputs(config));
    const errors = outputs.map((output) => {
      const [actual, wanted] = [found.get(output), golden.get(`${name}/${output}`)];
      return actual && wanted ? goldenError(actual, wanted).toExponential(1) : "missing";
    });
    report.row([name, ...errors]);
    await executable.dispose();
    await engine.dispose();
  }
}

const outputs = ["start_logits", "end_logits"];

async function compileForCpu(config: ModelConfig): Promise<Compiled> {
  const engine = new OnnxEngine(onnxruntime, { executionProvider: "cpu" });
  const program = assumeUnmasked(selectOutputs(questionAnsweringProgram(config), outputs));
  const start = performance.now();
  const executable = await engine.compile(program, randomParameters(config, false));
  return compiledOf(config, executable, { start, bytes: 0 });
}

async function compileForGpu(
  config: ModelConfig,
  precision: GpuPrecision,
  onTrace?: (run: RunTrace) => void,
): Promise<Compiled> {
  const options = { skipSelfTest: true, precision, ...(onTrace && { onTrace }) };
  const engine = new WebGpuEngine(await loadDawn({ trusted: true }), options);
  const start = performance.now();
  const program = selectOutputs(questionAnsweringProgram(config), outputs);
  const executable = await engine.compile(program, randomParameters(config, precision !== "f32"));
  return compiledOf(config, executable, { start, bytes: engine.allocatedBytes, close: () => engine.dispose() });
}

interface About {
  /** When loading began, in ms. */
  readonly start: number;
  readonly bytes: number;
  readonly close?: () => Promise<void>;
}

function compiledOf(config: ModelConfig, executable: Executable, { start, bytes, close }: About): Compiled {
  return {
    run: (work) => executable.run(inputsOf(config, work)),
    loadSeconds: (performance.now() - start) / 1000,
    bytes,
    async [Symbol.asyncDispose]() {
      await executable.dispose();
      await close?.();
    },
  };
}

function inputsOf(config: ModelConfig, [count, length]: Work) {
  const batch = Array.from({ length: count }, (): TokenSequence => {
    return {
      inputIds: Int32Array.from({ length }, (_, index) => 10 + ((index * 7919) % (config.vocabSize - 10))),
      tokenTypeIds: Int32Array.from({ length }, (_, index) => (index > 20 ? 1 : 0)),
    };
  });
  return new Map([...batchInputs(batch, config), ["attention_mask", attentionMask(batch)]]);
}
