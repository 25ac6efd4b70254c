/** When a LayerNorm is folded and when it stays a kernel; either way the program computes the same. */
import { describe, expect, test } from "vitest";
import { expectSame } from "../../test/support/compare-tensors.ts";
import { interpretSchedule } from "../../test/support/interpret-schedule.ts";
import { interpret } from "../engines/reference/interpret.ts";
import { add, gather, input, matmul, parameter, slice, tanh, transpose } from "../program/build.ts";
import { layerNorm } from "../program/layers.ts";
import { computeOrder } from "../program/order.ts";
import type { Program, Value } from "../program/program.ts";
import { seededNormal } from "../tensor/random.ts";
import { elementCount, type Tensor } from "../tensor/tensor.ts";
import { scheduleAt } from "./levels.ts";
import { readsOf, type Schedule, storedBy } from "./schedule.ts";

/** Float64, with the rounding of regrouped sums. */
const tolerance = 1e-9;

const [batch, sequence, inputs] = [2, 5, 7];

const norm = (operand: Value, name = "norm"): Value => layerNorm(operand, 0.01, name);

const x = input("x", ["batch", "sequence", inputs], "real");

/** The rows of a matmul. */
const rowsOf = (width: number): Value => matmul(x, parameter(`rows${width}`, [inputs, width]));

const outputsOf = (...values: readonly Value[]): Program => {
  return { outputs: new Map(values.map((value, index) => [String(index), value])) };
};

/** The program at O3, checked to compute the same. */
async function scheduled(program: Program): Promise<Schedule> {
  const normal = seededNormal(1);
  const tensor = (shape: readonly number[], element: () => number): Tensor => {
    return { dtype: "f32", shape, data: Float32Array.from({ length: elementCount(shape) }, element) };
  };
  const parameters = new Map<string, Tensor>();
  for (const { operation, shape } of computeOrder(program)) {
    if (operation.kind === "parameter") parameters.set(operation.name, tensor(shape.map(Number), normal));
  }
  const bound = new Map<string, Tensor>([
    ["x", tensor([batch, sequence, inputs], normal)],
    ["ids", { dtype: "i32", shape: [batch, sequence], data: new Int32Array(batch * sequence).map((_, i) => i % 9) }],
  ]);
  const schedule = scheduleAt(program, "O3");
  const found = await interpretSchedule(schedule, parameters, bound);
  expectSame(found, await interpret(program, parameters, bound), tolerance, "O3");
  return schedule;
}

const kindsOf = ({ kernels }: Schedule): string[] => kernels.map(({ template }) => template.kind);

/** The number of matmuls that gather statistics of their rows. */
const gathering = ({ kernels }: Schedule): number =>
  kernels.filter(({ template }) => template.kind === "matmul" && template.statistics !== undefined).length;

/** The number of readers of each normalisation: a kernel other than a matmul that stores rows of the width. */
const normalizing = ({ kernels }: Schedule, width: number): number[] => {
  const stored = storedBy(kernels);
  return [...stored].flatMap(([value, { template }]) => {
    if (template.kind === "matmul" || value.shape.at(-1) !== width) return [];
    return [kernels.filter((kernel) => readsOf(kernel, stored).has(value)).length];
  });
};

const next = (normalized: Value): Value => {
  const width = Number(normalized.shape.at(-1));
  return matmul(normalized, parameter(`next${width}`, [width, 8]));
};

describe("a LayerNorm between matmuls", () => {
  test("is folded", async () => {
    const schedule = await scheduled(outputsOf(next(norm(rowsOf(32)))));
    expect(kindsOf(schedule)).toEqual(["matmul", "matmul"]);
    expect(gathering(schedule)).toBe(1);
  });

  test("is folded also into a residual and into a slice in an elementwise kernel", async () => {
    const normalized = norm(rowsOf(32));
    const dense = matmul(tanh(normalized), parameter("dense", [32, 32]));
    expect(kindsOf(await scheduled(outputsOf(add(dense, normalized))))).toEqual(["matmul", "matmul"]);
    const column = await scheduled(outputsOf(next(normalized), tanh(slice(normalized, 2, 0, 1))));
    expect(kindsOf(column)).toEqual(["matmul", "matmul", "elementwise"]);
    expect(normalizing(column, 32)).toEqual([]);
  });
});

describe("a LayerNorm stays a kernel", () => {
  const normalized = norm(rowsOf(32));
  const transposed = transpose(normalized, [0, 2, 1]);

  test.each([
    ["also read through a transpose", outputsOf(next(normalized), matmul(transposed, x))],
    ["also the right operand of a matmul", outputsOf(matmul(normalized, transposed))],
    ["added after a slice", outputsOf(add(next(normalized), slice(normalized, 2, 0, 8)))],
  ])("when its result is %s", async (_, program) => {
    const schedule = await scheduled(program);
    expect(gathering(schedule)).toBe(1);
    expect(normalizing(schedule, 32)).toHaveLength(1);
    expect(normalizing(schedule, 32)[0]).toBeGreaterThan(0);
  });

  test("when it is an output, and no kernel reads that output", async () => {
    const schedule = await scheduled(outputsOf(next(normalized), normalized));
    expect(gathering(schedule)).toBe(1);
    expect(normalizing(schedule, 32)).toEqual([0]);
  });

  test("when another LayerNorm of the same rows has been folded", async () => {
    const rows = rowsOf(32);
    const schedule = await scheduled(outputsOf(next(norm(rows, "first")), tanh(next(norm(rows, "second")))));
    expect(gathering(schedule)).toBe(1);
    expect(kindsOf(schedule)).toContain("row-reduction");
  });

  test("when its rows are not a matmul's", async () => {
    const rows = gather(parameter("table", [9, 32]), input("ids", ["batch", "sequence"], "integer"));
    const schedule = await scheduled(outputsOf(next(norm(rows))));
    expect(kindsOf(schedule)).toEqual(["row-reduction", "matmul"]);
    expect(gathering(schedule)).toBe(0);
  });

  test("when its rows divide into no tiles", async () => {
    const schedule = await scheduled(outputsOf(next(norm(rowsOf(24)))));
    expect(kindsOf(schedule)).toEqual(["matmul", "row-reduction", "matmul"]);
    expect(gathering(schedule)).toBe(0);
    expect(normalizing(schedule, 24)).toEqual([1]);
  });
});
