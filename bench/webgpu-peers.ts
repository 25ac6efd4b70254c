/**
 * How fast the GPU is beside what else there is, in one session: ONNX Runtime's WebGPU provider on the same weights, and
 * PyTorch with a CUDA graph, on BERT-base with made-up weights.
 *
 * Every side runs in a process of its own, one after another, warmed up until the GPU has its full clock. Times are from
 * token ids on the host to logits on the host, medians of 100 (30 for large batches); PyTorch's are given by the device's
 * clock, too, without the copies.
 */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { bertBase } from "../src/checkpoint/bert-base.ts";
import { encodeOnnx } from "../src/engines/onnx/encode.ts";
import { toHalfPrecision } from "../src/engines/onnx/half-precision.ts";
import { lowerToOnnx } from "../src/engines/onnx/lower.ts";
import { portableDialect } from "../src/engines/onnx/portable.ts";
import type { GpuPrecision } from "../src/engines/webgpu/codegen/storage.ts";
import { messageOf } from "../src/errors.ts";
import { createGpuEngine } from "../src/platform/node.ts";
import { bertForQuestionAnswering } from "../src/program/bert.ts";
import { selectOutputs } from "../src/program/program.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { machineLine } from "./machine.ts";
import { batchOf, randomParameters, works } from "./random-bert.ts";

const warmUpMs = 1500;

const program = selectOutputs(bertForQuestionAnswering(bertBase), ["start_logits", "end_logits"]);

/** Computes one batch, from ids to logits. */
type Run = () => Promise<unknown>;

/** A side: makes itself ready, and gives what computes a batch of a size. */
type Side = () => Promise<(batch: number, sequence: number) => Run>;

const fusebert =
  (precision: GpuPrecision, trustedKernels: boolean): Side =>
  async () => {
    const parameters = randomParameters(bertBase);
    const engine = await createGpuEngine({ precision, trustedKernels });
    const executable = await engine.compile(program, async (name) => parameters.get(name) as Tensor<"f32">);
    return (batch, sequence) => {
      const inputs = batchOf(bertBase, batch, sequence);
      return () => executable.run(inputs);
    };
  };

const onnxRuntime =
  (precision: "f32" | "f16"): Side =>
  async () => {
    const { default: ort } = await import("onnxruntime-node");
    const parameters = randomParameters(bertBase);
    const graph = lowerToOnnx(program, portableDialect);
    const read = async (name: string): Promise<Tensor<"f32">> => parameters.get(name) as Tensor<"f32">;
    const model = await encodeOnnx(precision === "f16" ? toHalfPrecision(graph) : graph, read);
    const session = await ort.InferenceSession.create(model, { executionProviders: ["webgpu"] });
    return (batch, sequence) => {
      const feeds = Object.fromEntries(
        [...batchOf(bertBase, batch, sequence)]
          .filter(([name]) => session.inputNames.includes(name))
          .map(([name, { data, shape }]) => {
            return [name, new ort.Tensor("int64", BigInt64Array.from(data as Int32Array, BigInt), shape)];
          }),
      );
      return () => session.run(feeds);
    };
  };

const sides: Readonly<Record<string, Side>> = {
  "fusebert f16, trusted kernels": fusebert("f16", true),
  "fusebert f16": fusebert("f16", false),
  "fusebert f16-storage": fusebert("f16-storage", false),
  "fusebert f32": fusebert("f32", false),
  "ONNX Runtime WebGPU f16": onnxRuntime("f16"),
  "ONNX Runtime WebGPU f32": onnxRuntime("f32"),
};

/** Without a name all sides, each in a process of its own. */
export async function benchWebGpuPeers(name = process.argv[3]): Promise<void> {
  if (name !== undefined) return measureSide(name);
  console.log(machineLine());
  console.log(`\nBERT-base, ms, median (fastest):\n\n| | ${works.map((work) => work.join(" × ")).join(" | ")} |`);
  console.log(`| --- | ${works.map(() => "---").join(" | ")} |`);
  for (const side of Object.keys(sides)) {
    process.stdout.write(await outputOf(process.execPath, [process.argv[1] ?? "", "webgpu-peers", side], side));
  }
  await torchRows();
}

async function measureSide(name: string): Promise<void> {
  const side = sides[name];
  if (side === undefined) throw new RangeError(`There is no side ${name}; there are: ${Object.keys(sides).join(", ")}`);
  const runOf = await side();
  const cells: string[] = [];
  for (const [batch, sequence] of works) cells.push(await measure(runOf(batch, sequence), batch > 1 ? 30 : 100));
  console.log(`| ${name} | ${cells.join(" | ")} |`);
  process.exit(0);
}

async function measure(run: Run, count: number): Promise<string> {
  try {
    for (const start = performance.now(); performance.now() - start < warmUpMs; ) await run();
    const times: number[] = [];
    for (let index = 0; index < count; index++) {
      const before = performance.now();
      await run();
      times.push(performance.now() - before);
    }
    times.sort((a, b) => a - b);
    return `${times[count >> 1]?.toFixed(3)} (${times[0]?.toFixed(3)})`;
  } catch (error) {
    return messageOf(error).split("\n")[0] ?? "";
  }
}

async function torchRows(): Promise<void> {
  const script = new URL("../bench/torch-bert.py", import.meta.url).pathname;
  const output = await outputOf("python3", [script, ...works.map((work) => work.join("x"))], "PyTorch");
  const rows = output.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
  if (rows.length < works.length) console.log(`| PyTorch | ${output.trim().split("\n").at(-1)} |`);
  else {
    for (const [name, key] of [
      ["PyTorch f16, CUDA graph", "hostMs"],
      ["the same by the device's clock", "deviceMs"],
    ] as const) {
      console.log(`| ${name} | ${rows.map((row) => Number(row[key]).toFixed(3)).join(" | ")} |`);
    }
  }
}

/** What a process prints; a row that says why, where it fails. */
async function outputOf(command: string, args: readonly string[], name: string): Promise<string> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | string>((resolve) => {
    child.on("error", ({ message }) => resolve(message));
    child.on("close", (code) => resolve(code ?? "killed"));
  });
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return code === 0 ? output : `| ${name} | ${errors.trim().split("\n").at(-1) || code} |\n`;
}
