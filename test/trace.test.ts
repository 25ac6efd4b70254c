/** Traces of runs on the software GPU: they are correct, and do not change results. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bertForQuestionAnswering } from "../src/architectures/bert/program.ts";
import type { Checkpoint } from "../src/architectures/checkpoint.ts";
import type { WebGpuOptions } from "../src/engines/webgpu/run/options.ts";
import type { RunTrace } from "../src/engines/webgpu/run/run-recording.ts";
import { TraceRecorder } from "../src/engines/webgpu/trace/trace-recorder.ts";
import { WebGpuEngine } from "../src/engines/webgpu/webgpu-engine.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { type Program, selectOutputs } from "../src/program/program.ts";
import { viewedTensor } from "../src/program/views.ts";
import { assumeUnmasked } from "../src/rewrites/assume-unmasked.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { runCommand } from "./support/command.ts";
import { openRandomOdd, positionIds, required } from "./support/golden.ts";
import { writeSmallModel } from "./support/small-model.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";
import { runOnTerminal, terminalMissing } from "./support/terminal.ts";

if (softwareGpuMissing !== undefined) console.log(`Traces are not tested on a GPU: ${softwareGpuMissing}.`);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-trace-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Two sequences of one length. */
function inputsOf(sequence: number): Map<string, Tensor> {
  const integers = (of: (index: number) => number): Tensor => {
    const data = Int32Array.from({ length: 2 * sequence }, (_, index) => of(index));
    return { dtype: "i32", shape: [2, sequence], data };
  };
  return new Map([
    ["input_ids", integers((index) => (index * 7) % 211)],
    ["token_type_ids", integers(() => 0)],
    ["position_ids", positionIds(2, sequence)],
  ]);
}

describe.skipIf(softwareGpuMissing !== undefined)("a traced program", () => {
  let checkpoint: Checkpoint;
  let program: Program;
  beforeAll(async () => {
    checkpoint = await openRandomOdd();
    // A dozen kernels at O0, which the software GPU compiles quickly.
    program = assumeUnmasked(selectOutputs(bertForQuestionAnswering(checkpoint.config), ["embeddings"]));
  });
  afterAll(() => checkpoint.close());

  async function compile(gpu: GPU, options: WebGpuOptions = {}) {
    const engine = new WebGpuEngine(gpu, { precision: "f32", level: "O0", skipSelfTest: true, ...options });
    const executable = await engine.compile(program, (name) => checkpoint.weights.read(name));
    return { engine, executable };
  }

  test("computes the same, traces every kernel and phase, also of overlapping runs, and releases all memory", async () => {
    const gpu = await loadDawn();
    const recorder = new TraceRecorder();
    const traces: RunTrace[] = [];
    const plain = await compile(gpu);
    const traced = await compile(gpu, {
      onTrace: (run) => {
        traces.push(run);
        recorder.onTrace(run);
      },
    });
    const lengths = [5, 70, 33];
    const runs = lengths.map((length) => traced.executable.run(inputsOf(length)));
    for (const [index, outputs] of (await Promise.all(runs)).entries()) {
      expect(outputs).toEqual(await plain.executable.run(inputsOf(required(lengths[index]))));
    }
    const hasTimes = required((await gpu.requestAdapter()) ?? undefined).features.has("timestamp-query");
    expect(traces.map(({ extents }) => extents.get("tokens"))).toEqual(lengths.map((length) => 2 * length));
    expect(traces.map(({ visiblePairs }) => visiblePairs)).toEqual(lengths.map((length) => 2 * length ** 2));
    for (const { program: ran, kernels, times, host } of traces) {
      expect(kernels.length).toBeGreaterThan(10);
      expect(kernels.flatMap(({ stores }) => stores)).toContain([...ran.program.outputs.values()].map(viewedTensor)[0]);
      expect(times?.map(({ index }) => index)).toEqual(hasTimes ? [...kernels.keys()] : undefined);
      for (const { startMs, endMs } of [...(times ?? []), ...host]) expect(endMs).toBeGreaterThanOrEqual(startMs);
      const names = ["prepare inputs", "memory", "write inputs", "encode", "submit", "wait", "decode"];
      expect(host.map(({ phase }) => phase)).toEqual(names);
      // The GPU's time lies within the host's wait.
      const waited = host.filter(({ phase }) => phase === "submit" || phase === "wait");
      const took = (times?.at(-1)?.endMs ?? 0) - (times?.[0]?.startMs ?? 0);
      expect(took).toBeLessThanOrEqual((waited[1]?.endMs ?? 0) - (waited[0]?.startMs ?? 0) + 1);
    }
    const { traceEvents } = JSON.parse(recorder.toJson()) as { traceEvents: readonly { name: string }[] };
    expect(traceEvents.filter(({ name }) => name === "sqrt")).toHaveLength(hasTimes ? lengths.length : 0);

    expect(traced.engine.allocatedBytes).toBeGreaterThan(0);
    await traced.executable.dispose();
    expect(traced.engine.allocatedBytes).toBe(0);
    await Promise.all([plain.engine.dispose(), traced.engine.dispose()]);
  });

  test.each([
    { why: "the GPU gives none", hasTimes: false, timeKernels: true },
    { why: "they are not requested", hasTimes: true, timeKernels: false },
  ])("has only the host's times where $why", async ({ hasTimes, timeKernels }) => {
    const traces: RunTrace[] = [];
    const gpu = await loadDawn();
    const { engine, executable } = await compile(hasTimes ? gpu : withoutTimestamps(gpu), {
      onTrace: (run) => traces.push(run),
      timeKernels,
    });
    await executable.run(inputsOf(5));
    expect(traces.map(({ times }) => times)).toEqual([undefined]);
    // Submitted in portions: the GPU computes while the host encodes.
    const phases = traces[0]?.host.map(({ phase }) => phase).join() ?? "";
    expect(phases).toMatch(/^prepare inputs,memory,write inputs(,encode,submit){2,},wait,decode$/);
    await engine.dispose();
    expect(engine.allocatedBytes).toBe(0);
  });

  test("is written by the command in the viewers' format", async () => {
    const model = await writeSmallModel(join(folder, "model"));
    const file = join(folder, "trace.json");
    const text = "Mary Shelley wrote it. ".repeat(200);
    const args = ["answer", "Who?", "--text", text, "--model", model, "--device", "webgpu", "--skip-self-test"];
    const { code, stderr } = await runCommand([...args, "--trace", file]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const { traceEvents, otherData } = JSON.parse(await readFile(file, "utf8")) as {
      traceEvents: readonly { name: string; pid: number; ph: string }[];
      otherData: Record<string, unknown>;
    };
    expect(otherData["runs"]).toBe(traceEvents.filter(({ name }) => name === "submit").length);
    expect(otherData["runs"]).toBeGreaterThan(1);
    const hasTimes = otherData["kernel times"] === undefined;
    expect(traceEvents.some(({ pid, ph }) => pid === 2 && ph === "X")).toBe(hasTimes);
    expect(stderr).toBe(hasTimes ? "" : expect.stringMatching(/no times of kernels/));
  });

  test.skipIf(terminalMissing !== undefined)("is written up to the interruption of the command", async () => {
    const file = join(folder, "interrupted.json");
    const text = join(folder, "long.txt");
    await writeFile(text, "Mary Shelley wrote it. ".repeat(20_000));
    const model = await writeSmallModel(join(folder, "interrupted"));
    const gpu = ["--device", "webgpu", "--skip-self-test", "--trace", file];
    const args = ["answer", "Who?", "--context", text, "--model", model, ...gpu];
    const { code } = await runOnTerminal(args, { after: /Answering .*%/, press: "\x03" });
    expect(code).toBe(130);
    expect(JSON.parse(await readFile(file, "utf8"))).toHaveProperty("traceEvents");
  });
});

test("a trace is refused without kernels, or if the file cannot be written", async () => {
  const args = ["answer", "Who?", "--text", "Mary wrote it."];
  const refused = await runCommand([...args, "--device", "cpu", "--trace", join(folder, "no.json")]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/^fusebert: --trace is given, and the device is cpu; expected --device webgpu.*\n$/);
  const nowhere = await runCommand([...args, "--device", "webgpu", "--trace", join(folder, "none", "t.json")]);
  expect(nowhere.code).toBe(2);
  expect(nowhere.stderr).toMatch(/none.t\.json cannot be written/);
});

/** The same GPU without timestamp queries. */
function withoutTimestamps(gpu: GPU): GPU {
  const requestAdapter = async (): Promise<GPUAdapter> => {
    const adapter = required((await gpu.requestAdapter()) ?? undefined);
    return new Proxy(adapter, {
      get(_, name) {
        if (name === "features") return new Set();
        const member: unknown = Reflect.get(adapter, name, adapter);
        return typeof member === "function" ? member.bind(adapter) : member;
      },
    });
  };
  return { requestAdapter } as GPU;
}
