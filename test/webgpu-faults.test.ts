/**
 * Injected GPU faults: every fault is a typed error, no memory leaks, and the engine continues where possible.
 *
 * Faults are injected between the engine and the software GPU.
 */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { bertForQuestionAnswering } from "../src/architectures/bert/program.ts";
import type { Checkpoint } from "../src/architectures/checkpoint.ts";
import { DeviceLostError } from "../src/engines/webgpu/device/device-health.ts";
import { KernelError } from "../src/engines/webgpu/device/pipeline-cache.ts";
import type { WebGpuOptions } from "../src/engines/webgpu/run/options.ts";
import { WrongNumbersError } from "../src/engines/webgpu/run/self-test.ts";
import { WebGpuEngine } from "../src/engines/webgpu/webgpu-engine.ts";
import { EngineError } from "../src/errors.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { type Program, selectOutputs } from "../src/program/program.ts";
import { assumeUnmasked } from "../src/rewrites/assume-unmasked.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { collectGarbage } from "./support/collect-garbage.ts";
import { expectSame } from "./support/compare-tensors.ts";
import { type Faults, faultyGpu } from "./support/faulty-gpu.ts";
import { openRandomOdd, positionIds, readGolden, required } from "./support/golden.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

let checkpoint: Checkpoint;
let program: Program;
let engines: WebGpuEngine[] = [];

beforeAll(async () => {
  checkpoint = await openRandomOdd();
  const all = bertForQuestionAnswering({ ...checkpoint.config, layers: 1 });
  // One kernel: each new device of the software GPU compiles it again.
  program = assumeUnmasked(selectOutputs(all, ["embeddings"]));
  return () => checkpoint.close();
});

afterEach(async () => {
  await Promise.all(engines.map((engine) => engine.dispose()));
  engines = [];
});

const read = (name: string) => checkpoint.weights.read(name);

async function makeEngine(faults: Partial<Faults> = {}, options: WebGpuOptions = {}) {
  const state: Faults = Object.assign(faults, { devices: 0 });
  const engine = new WebGpuEngine(faultyGpu(await loadDawn(), state), {
    precision: "f32",
    skipSelfTest: true,
    ...options,
  });
  engines.push(engine);
  return { engine, faults: state };
}

function inputsOf(sequence: number, batch = 1): Map<string, Tensor> {
  const ids = (of: (index: number) => number): Tensor => ({
    dtype: "i32",
    shape: [batch, sequence],
    data: Int32Array.from({ length: batch * sequence }, (_, index) => of(index)),
  });
  return new Map([
    ["input_ids", ids((index) => (index * 7) % 211)],
    ["token_type_ids", ids(() => 0)],
    ["position_ids", positionIds(batch, sequence)],
  ]);
}

function invocationsOf(code: string): number {
  const [, size = ""] = /@workgroup_size\(([\d, ]+)\)/.exec(code) ?? [];
  return size.split(",").reduce((product, extent) => product * Number(extent), 1);
}

/** The last of three sequences, which has no padding. */
function lastSequence({ dtype, shape: [batch = 1, ...rest], data }: Tensor): Tensor {
  return { dtype, shape: [1, ...rest], data: data.slice((data.length / batch) * (batch - 1)) } as Tensor;
}

/** What a promise is rejected with. */
async function failureOf(promise: Promise<unknown>): Promise<EngineError> {
  const error = await promise.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof EngineError)) throw error;
  return error;
}

/** Waits for delayed effects. */
const untilItHangs = { timeout: 600_000 };

describe.skipIf(softwareGpuMissing !== undefined)("the WebGPU engine", () => {
  test("gives advice without an adapter, and finds one that appears later", async () => {
    const { engine, faults } = await makeEngine({ noAdapter: true });
    const error = await failureOf(engine.compile(program, read));
    expect(error.advice).toMatch(/--device cpu/);
    expect(await failureOf(engine.probe())).toMatchObject({ found: error.found });
    faults.noAdapter = false;
    expect((await engine.probe()).precision).toBe("f32");
  });

  test("picks float16 only if the adapter supports it", async () => {
    const { engine } = await makeEngine({ features: new Set() }, { precision: "auto" });
    const probe = await engine.probe();
    expect(probe).toMatchObject({ precision: "f32", isSoftware: true });
    expect(probe.description).toMatch(/swiftshader.*, f32, O4$/i);
    const { engine: refused } = await makeEngine({ features: new Set() }, { precision: "f16" });
    expect(await failureOf(refused.probe())).toMatchObject({ advice: expect.stringContaining("--precision f32") });
  });

  test("names the kernel and the limit that is too small for it", async () => {
    const { engine, faults } = await makeEngine({ limits: { maxStorageBuffersPerShaderStage: 1 } });
    const error = await failureOf(engine.compile(program, read));
    expect(error.message).toMatch(/the kernel \d+ [\w-]+ binds \d+ storage buffers.*maxStorageBuffersPerShaderStage/);
    expect(faults.devices).toBe(1);
    expect(engine.allocatedBytes).toBe(0);
  });

  test("names the workgroup memory that a kernel lacks", async () => {
    const { engine } = await makeEngine({ limits: { maxComputeWorkgroupStorageSize: 128 } });
    const error = await failureOf(engine.compile(program, read));
    expect(error.message).toMatch(/the kernel .* of workgroup memory.*maxComputeWorkgroupStorageSize/);
  });

  test("computes with smaller tiles where limits are lower than any GPU's", async () => {
    const sources: string[] = [];
    const { engine } = await makeEngine({
      limits: { maxComputeWorkgroupStorageSize: 7168, maxComputeInvocationsPerWorkgroup: 64 },
      changeSource: (code) => {
        sources.push(code);
        return code;
      },
    });
    const stage = "layer.0.attention_output";
    const attention = assumeUnmasked(selectOutputs(bertForQuestionAnswering(checkpoint.config), [stage]));
    const executable = await engine.compile(attention, read);
    expect(Math.max(...sources.map(invocationsOf))).toBe(64);
    const golden = await readGolden("random-odd/golden.safetensors");
    const last = (name: string): Tensor => lastSequence(required(golden.get(name), name));
    const inputs = new Map([
      ["input_ids", last("input_ids")],
      ["token_type_ids", last("token_type_ids")],
      ["position_ids", positionIds(1, 64)],
    ]);
    expectSame(await executable.run(inputs), new Map([[stage, last(stage)]]), 1e-5, "golden");
  });

  test("saves the source of a kernel that the driver refuses, and releases all memory", async () => {
    const saved: string[] = [];
    const saveSource = async (label: string, code: string) => {
      saved.push(code);
      return `/tmp/${label}`;
    };
    const { engine, faults } = await makeEngine({ changeSource: (code) => `${code}\nnonsense` }, { saveSource });
    const error = await failureOf(engine.compile(program, read));
    expect(error).toBeInstanceOf(KernelError);
    expect(error.message).toMatch(/the kernel \d+ [\w-]+ was not compiled: [\s\S]*nonsense/);
    expect(error.advice).toMatch(/saved as \/tmp/);
    expect(saved[0]).toContain("@compute");
    expect(engine.allocatedBytes).toBe(0);

    delete faults.changeSource;
    const executable = await engine.compile(program, read);
    expect((await executable.run(inputsOf(5))).size).toBe(1);
  });

  test("rejects the runs of a lost device, and computes the next on a new one", async () => {
    const { engine, faults } = await makeEngine();
    const executable = await engine.compile(program, read);
    const expected = await executable.run(inputsOf(5));
    faults.onSubmit = (device) => device.destroy();
    const errors = await Promise.all([1, 2, 3].map(() => failureOf(executable.run(inputsOf(5)))));
    for (const error of errors) expect(error).toBeInstanceOf(DeviceLostError);
    delete faults.onSubmit;
    expect(engine.allocatedBytes).toBe(0);

    expect(await executable.run(inputsOf(5))).toEqual(expected);
    expect(faults.devices).toBe(2);
    await executable.dispose();
    expect(engine.allocatedBytes).toBe(0);
  });

  test("gives up after three new devices in a row", async () => {
    const { engine, faults } = await makeEngine();
    const executable = await engine.compile(program, read);
    faults.onSubmit = (device) => device.destroy();
    for (let run = 0; run < 4; run++)
      expect(await failureOf(executable.run(inputsOf(3)))).toBeInstanceOf(DeviceLostError);
    const error = await failureOf(executable.run(inputsOf(3)));
    expect(error).not.toBeInstanceOf(DeviceLostError);
    expect(error.advice).toMatch(/--device cpu/);
    expect(faults.devices).toBe(4);
  });

  test("rejects a compilation whose device is lost, and compiles the next on a new one", async () => {
    const { engine, faults } = await makeEngine();
    faults.onBuffer = (device) => device.destroy();
    expect(await failureOf(engine.compile(program, read))).toBeInstanceOf(DeviceLostError);
    delete faults.onBuffer;
    const executable = await engine.compile(program, read);
    expect((await executable.run(inputsOf(3))).size).toBe(1);
    expect(faults.devices).toBe(2);
  });

  test("reports an error outside of any error scope", async () => {
    const { engine, faults } = await makeEngine();
    const executable = await engine.compile(program, read);
    faults.onSubmit = (device) => {
      setTimeout(() => device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE }));
    };
    const first = await executable.run(inputsOf(64)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    delete faults.onSubmit;
    if (first !== undefined) expect(first).toBeInstanceOf(DeviceLostError);
    // The loss is reported with a delay.
    await expect
      .poll(async () => [(await executable.run(inputsOf(64))).size, faults.devices], untilItHangs)
      .toEqual([1, 2]);
  });

  test("without memory for a large run still computes small ones", async () => {
    const { engine, faults } = await makeEngine();
    const executable = await engine.compile(program, read);
    const expected = await executable.run(inputsOf(5));
    const before = engine.allocatedBytes;
    faults.memory = before;
    const error = await failureOf(executable.run(inputsOf(80, 40)));
    expect(error.found).toMatch(/the GPU has no .* left for/);
    expect(await executable.run(inputsOf(5))).toEqual(expected);
    delete faults.memory;
    expect((await executable.run(inputsOf(80, 2))).size).toBe(1);
    expect(faults.devices).toBe(1);
  });

  test("refuses a GPU that computes wrong numbers, unless the self-test is skipped", async () => {
    // Only in matmuls: their fma is replaced.
    const wrong = { changeSource: (code: string) => code.replace(/\bfma\((?=a\d)/g, "wrong_fma(").concat(wrongFma) };
    const { engine } = await makeEngine(wrong, { skipSelfTest: false });
    const error = await failureOf(engine.compile(program, read));
    expect(error).toBeInstanceOf(WrongNumbersError);
    expect(error.message).toMatch(/the GPU computes wrong numbers.*expected.*--skip-self-test/);
    expect(engine.allocatedBytes).toBe(0);
    const { engine: trusting } = await makeEngine(wrong);
    const executable = await trusting.compile(program, read);
    expect((await executable.run(inputsOf(3))).size).toBe(1);
  });

  test.each(["f32", "f16-storage"] as const)("accepts a GPU that computes correctly in %s", async (precision) => {
    const { engine } = await makeEngine({}, { skipSelfTest: false, precision });
    const executable = await engine.compile(program, read);
    expect(executable.description).toContain(precision);
    await executable.dispose();
    expect(engine.allocatedBytes).toBe(0);
  });

  test("stops when the signal is aborted", async () => {
    const { engine } = await makeEngine();
    const reason = new Error("enough");
    const compiling = new AbortController();
    const slowly = (name: string) => {
      compiling.abort(reason);
      return read(name);
    };
    await expect(engine.compile(program, slowly, { signal: compiling.signal })).rejects.toBe(reason);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await expect.poll(() => engine.allocatedBytes, untilItHangs).toBe(0);
    const executable = await engine.compile(program, read);
    const running = new AbortController();
    const run = executable.run(inputsOf(64), { signal: running.signal });
    running.abort(reason);
    await expect(run).rejects.toBe(reason);
    await expect(executable.run(inputsOf(3), { signal: running.signal })).rejects.toBe(reason);
    expect((await executable.run(inputsOf(3))).size).toBe(1);
  });

  test("releases all memory after the runs in progress, and can be used again", async () => {
    const { engine, faults } = await makeEngine();
    const executable = await engine.compile(program, read);
    const runs = [3, 70, 5].map((sequence) => executable.run(inputsOf(sequence)));
    const disposed = executable.dispose();
    for (const outputs of await Promise.all(runs)) expect(outputs.size).toBe(1);
    await disposed;
    expect(engine.allocatedBytes).toBe(0);
    expect((await failureOf(executable.run(inputsOf(3)))).found).toMatch(/disposed/);

    await engine.compile(program, read);
    expect(engine.allocatedBytes).toBeGreaterThan(0);
    await engine.dispose();
    expect(engine.allocatedBytes).toBe(0);
    const again = await engine.compile(program, read);
    expect((await again.run(inputsOf(3))).size).toBe(1);
    expect(faults.devices).toBe(2);
  });

  test("is garbage-collected after dispose, although Dawn keeps its device", async () => {
    const disposed = async () => {
      const engine = new WebGpuEngine(await loadDawn(), { precision: "f32", skipSelfTest: true });
      await engine.compile(program, read);
      await engine.dispose();
      return new WeakRef(engine);
    };
    const engine = await disposed();
    await collectGarbage(() => engine.deref() === undefined);
    expect(engine.deref()).toBeUndefined();
  });

  test("releases all memory if a weight cannot be read", async () => {
    const { engine } = await makeEngine();
    let reads = 0;
    const fails = async (name: string) => {
      if (++reads > 4) throw new Error("no such file");
      return read(name);
    };
    await expect(engine.compile(program, fails)).rejects.toThrow("no such file");
    expect(engine.allocatedBytes).toBe(0);
  });
});

const wrongFma = `
fn wrong_fma(a: f32, b: f32, c: f32) -> f32 { return a * b + c * 1.01f; }
`;
