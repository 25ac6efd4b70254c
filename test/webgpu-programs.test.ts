/**
 * Random programs on the software GPU: they find assumptions of the kernel generators that hold for BERT only.
 *
 * The software GPU takes a second or more to compile a tiled matmul or attention and little for all else, so few programs
 * have one. Workgroup memory initially holds garbage, as in trusted kernels.
 */
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { interpret } from "../src/engines/reference/interpret.ts";
import type * as lowering from "../src/engines/webgpu/plan/lower.ts";
import { WebGpuEngine } from "../src/engines/webgpu/webgpu-engine.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { concatenate, input, slice, tanh } from "../src/program/build.ts";
import { computeOrder } from "../src/program/order.ts";
import type { Program, Value } from "../src/program/program.ts";
import type { FloatDType, Tensor } from "../src/tensor/tensor.ts";
import { expectSame } from "./support/compare-tensors.ts";
import { isGemv } from "./support/gemv.ts";
import { type RandomProgram, randomProgram } from "./support/random-programs.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

vi.mock("../src/engines/webgpu/plan/lower.ts", async (importOriginal) => {
  const { poisonMemory } = await import("./support/poison-memory.ts");
  const original = await importOriginal<typeof lowering>();
  const lowerForAllSizes: typeof lowering.lowerForAllSizes = (...settings) => {
    const [first, ...others] = original.lowerForAllSizes(...settings);
    const poison = ({ kernels, ...size }: lowering.Lowering) => ({ ...size, kernels: kernels.map(poisonMemory) });
    return [poison(first), ...others.map(poison)];
  };
  return { ...original, lowerForAllSizes };
});

/** Seeds are disjoint: each case starts from its `first`. */
const configurations = [
  { level: "O0", precision: "f32", tolerance: 1e-5, first: 1 },
  { level: "O2", precision: "f32", tolerance: 1e-5, first: 1001 },
  { level: "O3", precision: "f32", tolerance: 1e-5, first: 2001 },
  // Float16 has eleven bits, and results of rounded numbers are rounded again.
  { level: "O3", precision: "f16-storage", tolerance: 1e-2, first: 3001 },
] as const;

/** The number of programs by their number of tiled matmuls. */
const programs = [
  { matmuls: 0, count: 8 },
  { matmuls: 1, count: 1 },
  { matmuls: 2, count: 1 },
];

function* programsFrom(first: number): Generator<readonly [seed: number, program: RandomProgram]> {
  const wanted = new Map(programs.map(({ matmuls, count }) => [matmuls, count]));
  for (let seed = first; [...wanted.values()].some((count) => count > 0); seed++) {
    const program = randomProgram(seed, 5);
    const matmuls = tiledMatmuls(program);
    const left = wanted.get(matmuls) ?? 0;
    if (left === 0) continue;
    wanted.set(matmuls, left - 1);
    yield [seed, program];
  }
}

function tiledMatmuls({ program }: RandomProgram): number {
  return computeOrder(program).filter((value) => value.operation.kind === "matmul" && !isGemv(value)).length;
}

describe.skipIf(softwareGpuMissing !== undefined).each(configurations)(
  "$level $precision",
  ({ level, precision, tolerance, first }) => {
    let engine: WebGpuEngine;

    beforeAll(async () => {
      engine = new WebGpuEngine(await loadDawn(), { level, precision, skipSelfTest: true });
    });

    afterAll(() => engine.dispose());

    test.each([...programsFrom(first)])("random program %i", async (seed, { program, parameters, inputs }) => {
      const executable = await engine.compile(program, async (name) => parameters.get(name) as Tensor<FloatDType>);
      const found = await executable.run(inputs);
      await executable.dispose();
      expectSame(found, await interpret(program, parameters, inputs), tolerance, `seed ${seed}`);
    });

    test("concatenations of what begins at whole vectors, and of what does not", async () => {
      const [x, y] = [input("x", ["batch", 16], "real"), input("y", ["batch", 8], "real")];
      const part = (start: number, end: number): Value => slice(x, 1, start, end);
      const joined = { halves: [part(8, 16), part(0, 8)], odd: [part(6, 10), part(1, 5)], mixed: [part(3, 7), y] };
      const outputs = Object.entries(joined).map(([name, parts]) => [name, tanh(concatenate(parts, 1))] as const);
      const program: Program = { outputs: new Map(outputs) };
      const numbers = (columns: number): Tensor => {
        return {
          dtype: "f32",
          shape: [3, columns],
          data: Float32Array.from({ length: 3 * columns }, (_, i) => i / 20),
        };
      };
      const inputs = new Map([
        ["x", numbers(16)],
        ["y", numbers(8)],
      ]);
      const executable = await engine.compile(program, () => Promise.reject(new Error("there are no parameters")));
      const found = await executable.run(inputs);
      await executable.dispose();
      expectSame(found, await interpret(program, new Map(), inputs), tolerance, "concatenations");
    });
  },
);
