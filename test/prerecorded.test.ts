/**
 * Runs with pre-recorded command buffers: which runs have them, and that they compute the same as others, at every size
 * that they serve.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bertForQuestionAnswering } from "../src/architectures/bert/program.ts";
import type { Checkpoint } from "../src/architectures/checkpoint.ts";
import type { WebGpuOptions } from "../src/engines/webgpu/run/options.ts";
import type { RunTrace } from "../src/engines/webgpu/run/run-recording.ts";
import { WebGpuEngine } from "../src/engines/webgpu/webgpu-engine.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { openRandomOdd, positionIds } from "./support/golden.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Recording ahead is not tested: ${softwareGpuMissing}.`);

/** One sequence. */
function inputsOf(length: number): Map<string, Tensor> {
  const integers = (of: (index: number) => number): Tensor => {
    return { dtype: "i32", shape: [1, length], data: Int32Array.from({ length }, (_, index) => of(index)) };
  };
  return new Map([
    ["input_ids", integers((index) => (index * 7 + length) % 211)],
    ["token_type_ids", integers((index) => (index > length / 2 ? 1 : 0))],
    ["attention_mask", integers(() => 1)],
    ["position_ids", positionIds(1, length)],
  ]);
}

describe.skipIf(softwareGpuMissing !== undefined)("pre-recorded runs", () => {
  let checkpoint: Checkpoint;
  beforeAll(async () => {
    checkpoint = await openRandomOdd();
  });
  afterAll(() => checkpoint.close());

  async function compile(options: WebGpuOptions) {
    const engine = new WebGpuEngine(await loadDawn(), { precision: "f32", skipSelfTest: true, ...options });
    const program = bertForQuestionAnswering(checkpoint.config);
    return { engine, executable: await engine.compile(program, (name) => checkpoint.weights.read(name)) };
  }

  const wasRecordedAhead = ({ host }: RunTrace): boolean => !host.some(({ phase }) => phase === "encode");

  test.each(["O1", "O4"] as const)("compute the same at %s, also for a few tokens less or more", async (level) => {
    const lengths = [20, 20, 20, 3, 39, 40, 33];
    const traces: RunTrace[] = [];
    const { engine, executable } = await compile({ level, onTrace: (run) => traces.push(run), timeKernels: false });
    const other = await compile({ level });
    for (const length of lengths) {
      const outputs = await executable.run(inputsOf(length));
      // Neither observed runs nor the runs after them are pre-recorded.
      const expected = await other.executable.run(inputsOf(length), { observe: true });
      for (const [name, tensor] of outputs) expect({ name, tensor }).toEqual({ name, tensor: expected.get(name) });
    }
    expect(traces.map(wasRecordedAhead)).toEqual([false, false, true, true, true, true, true]);
    await Promise.all([executable.dispose(), other.executable.dispose()]);
    expect([engine.allocatedBytes, other.engine.allocatedBytes]).toEqual([0, 0]);
    await Promise.all([engine.dispose(), other.engine.dispose()]);
  });

  test("have one size, overlap with others, and release their memory if they are not used", async () => {
    const traces: RunTrace[] = [];
    const { engine, executable } = await compile({ onTrace: (run) => traces.push(run), timeKernels: false });
    const run = (length: number) => executable.run(inputsOf(length));
    for (const length of [10, 10, 70, 70, 10]) await run(length);
    expect(traces.map(wasRecordedAhead)).toEqual([false, false, false, false, false]);
    const [alone, ...together] = await Promise.all([run(70), run(70), run(71), run(70)]);
    for (const index of [0, 2]) expect(together[index]?.get("start_logits")).toEqual(alone?.get("start_logits"));
    await executable.dispose();
    expect(engine.allocatedBytes).toBe(0);
    await engine.dispose();
  });
});
