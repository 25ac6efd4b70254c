/** Every pass, by interpreting programs before and after it in float64, and by its documented properties. */
import { describe, expect, test } from "vitest";
import { expectSame } from "../../test/support/compare-tensors.ts";
import { openRandomOdd, positionIds, required } from "../../test/support/golden.ts";
import { checkSchedule, interpretSchedule } from "../../test/support/interpret-schedule.ts";
import { type RandomProgram, randomProgram } from "../../test/support/random-programs.ts";
import { bertForQuestionAnswering } from "../architectures/bert/program.ts";
import { expectedParameters, type ModelConfig } from "../architectures/index.ts";
import { encoderLayerStages } from "../architectures/layers/encoder-layer.ts";
import { interpret, type LoweredPrecision } from "../engines/reference/interpret.ts";
import {
  add,
  concatenate,
  constant,
  divide,
  exp,
  gather,
  input,
  matmul,
  max,
  parameter,
  slice,
  subtract,
  sum,
  tanh,
  transpose,
} from "../program/build.ts";
import { layerNorm } from "../program/layers.ts";
import { computeOrder } from "../program/order.ts";
import { elementwiseOperands } from "../program/patterns.ts";
import { observeOthers, type Program, selectOutputs, type Value } from "../program/program.ts";
import { viewedTensor } from "../program/views.ts";
import { centerRows } from "../rewrites/center-rows.ts";
import { fuseHorizontally } from "../rewrites/fuse-horizontal.ts";
import { rewrite } from "../rewrites/rewrite.ts";
import { splitStatistics } from "../rewrites/split-statistics.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { foldLayerNorm } from "./fold-layer-norm.ts";
import { fuseAttention } from "./fuse-attention.ts";
import { fuseOperands } from "./fuse-operands.ts";
import { fuseRows } from "./fuse-rows.ts";
import { fuseVertically } from "./fuse-vertical.ts";
import { type Level, levels, scheduleAt } from "./levels.ts";
import { nameSubprograms } from "./name-subprograms.ts";
import { observableStages, type Schedule, scheduleEachOperation, storedBy } from "./schedule.ts";

/** Float64, with the rounding of regrouped sums and of division by a small deviation. */
const tolerance = 1e-9;

const rewrites = { fuseHorizontally, centerRows, splitStatistics };
const fusions = { fuseAttention, fuseVertically, fuseOperands, fuseRows, foldLayerNorm };

const seeds = Array.from({ length: 60 }, (_, index) => index + 1);

const run = ({ program, parameters, inputs }: RandomProgram) => interpret(program, parameters, inputs);

async function oddBert(names?: readonly string[]): Promise<RandomProgram> {
  const checkpoint = await openRandomOdd();
  const parameters = new Map<string, Tensor>();
  for (const name of expectedParameters(checkpoint.config).keys()) {
    parameters.set(name, await checkpoint.weights.read(name));
  }
  await checkpoint.close();
  const program = bertForQuestionAnswering(checkpoint.config);
  const integers = (element: (index: number) => number): Tensor => {
    return { dtype: "i32", shape: [2, 7], data: Int32Array.from({ length: 14 }, (_, index) => element(index)) };
  };
  const inputs = new Map<string, Tensor>([
    ["input_ids", integers((index) => (index * 31) % 211)],
    ["token_type_ids", integers((index) => (index % 7 > 4 ? 1 : 0))],
    ["position_ids", positionIds(2, 7)],
    ["attention_mask", integers((index) => (index < 11 ? 1 : 0))],
  ]);
  return { program: names ? selectOutputs(program, names) : program, parameters, inputs };
}

describe.each(Object.entries(rewrites))("%s", (_, pass) => {
  test("gives a random program that computes the same", async () => {
    for (const seed of seeds) {
      const random = randomProgram(seed);
      const rewritten = await run({ ...random, program: pass(random.program) });
      expectSame(rewritten, await run(random), tolerance, `seed ${seed}`);
    }
  });

  test("gives a BERT that computes the same, every stage of it", async () => {
    const bert = await oddBert();
    expectSame(await run({ ...bert, program: pass(bert.program) }), await run(bert), tolerance, "BERT");
  });

  test("changes nothing the second time", () => {
    for (const seed of seeds) {
      const once = pass(randomProgram(seed).program);
      const twice = pass(once);
      for (const [name, value] of once.outputs) expect(twice.outputs.get(name), `seed ${seed}`).toBe(value);
    }
  });
});

describe.each(Object.entries(fusions))("%s", (name, pass) => {
  test("alone gives a valid schedule that computes the same", async () => {
    for (const seed of seeds.slice(0, 30)) {
      const random = randomProgram(seed);
      const program = pass === foldLayerNorm ? splitStatistics(random.program) : random.program;
      const schedule = pass(scheduleEachOperation(program));
      const found = await interpretSchedule(schedule, random.parameters, random.inputs);
      expectSame(found, await run(random), tolerance, `${name}, seed ${seed}`);
    }
  });
});

describe.each(levels)("%s", (level) => {
  test("cuts random programs into kernels that compute the same", async () => {
    for (const seed of seeds) {
      const random = randomProgram(seed);
      const found = await interpretSchedule(scheduleAt(random.program, level), random.parameters, random.inputs);
      expectSame(found, await run(random), tolerance, `seed ${seed}`);
    }
  });

  test("cuts a BERT into kernels that compute the same, with every stage kept or few", async () => {
    const few = ["layer.0.attention_scores", "layer.1.attention_probs", "layer.1.attention_output", "start_logits"];
    for (const names of [undefined, few, ["start_logits", "end_logits"]]) {
      const bert = await oddBert(names);
      const schedule = scheduleAt(bert.program, level);
      const found = await interpretSchedule(schedule, bert.parameters, bert.inputs);
      expectSame(found, await run(bert), tolerance, `${names}`);
    }
  });

  test("stores a kept stage, whichever it is", async () => {
    const { program } = await oddBert();
    for (const name of program.outputs.keys()) {
      const schedule = scheduleAt(selectOutputs(program, [name]), level);
      checkSchedule(schedule);
      const value = schedule.program.outputs.get(name);
      expect(value && storedBy(schedule.kernels).has(viewedTensor(value)), name).toBe(true);
    }
  });

  test("preserves observed stages, and stores nothing more for them", async () => {
    const bert = await oddBert();
    const logits = ["start_logits", "end_logits"];
    const { program, kernels } = scheduleAt(observeOthers(bert.program, logits), level);
    const observed = required(program.observed);
    const found = await run({ ...bert, program: { outputs: observed } });
    expectSame(
      found,
      await run({ ...bert, program: selectOutputs(bert.program, [...observed.keys()]) }),
      tolerance,
      "",
    );
    expect(observed.size).toBe(bert.program.outputs.size - logits.length);

    const unobserved = scheduleAt(selectOutputs(bert.program, logits), level);
    expect(kernels.map(({ stores }) => stores.length)).toEqual(unobserved.kernels.map(({ stores }) => stores.length));
  });
});

test("the observed stages of a layer that each level stores", async () => {
  const { program } = await oddBert();
  const written = (level: Level): string[] => {
    const schedule = scheduleAt(observeOthers(program, ["start_logits"]), level);
    return observableStages(schedule.program, schedule.kernels).flatMap(({ name }) =>
      name.startsWith("layer.1.") ? [name.slice(8)] : [],
    );
  };
  expect(written("O0")).toEqual(encoderLayerStages);
  expect(written("O1")).toEqual(encoderLayerStages);
  const atAttention = ["query", "key", "value", "context", "attention_output"];
  expect(written("O2")).toEqual([...atAttention, "intermediate", "output"]);
  expect(written("O3")).toEqual(["query", "key", "value", "context", "intermediate"]);
});

test("stages that no output needs are not observed", async () => {
  const { program } = await oddBert();
  const { observed } = rewrite(observeOthers(program, ["layer.0.query"]), (value) => value);
  expect([...required(observed).keys()]).toEqual(["embeddings"]);
});

const config = (layers: number): ModelConfig => ({
  vocabSize: 99,
  hiddenSize: 64,
  layers,
  heads: 4,
  intermediateSize: 128,
  maxPositions: 32,
  family: "bert" as const,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
});

const logitsOf = (layers: number): Program =>
  selectOutputs(bertForQuestionAnswering(config(layers)), ["start_logits", "end_logits"]);

const outputsOf = (...values: readonly Value[]): Program => {
  return { outputs: new Map(values.map((value, index) => [String(index), value])) };
};

const kindsOf = ({ kernels }: Schedule): string[] => kernels.map(({ template }) => template.kind);

describe("the kernels of a BERT layer", () => {
  test.each([
    ["O0", 55],
    ["O1", 51],
    ["O2", 7],
    ["O3", 5],
    ["O4", 7],
  ] as const)("%s: %i kernels", (level, kernels) => {
    const [one, two] = [1, 2].map((layers) => scheduleAt(logitsOf(layers), level).kernels.length) as [number, number];
    expect(two - one).toBe(kernels);
  });

  test("in words", () => {
    expect(kindsOf(scheduleAt(logitsOf(1), "O2"))).toMatchInlineSnapshot(`
      [
        "row-reduction",
        "matmul",
        "attention",
        "matmul",
        "row-reduction",
        "matmul",
        "matmul",
        "row-reduction",
        "matmul",
      ]
    `);
    expect(kindsOf(scheduleAt(logitsOf(1), "O3"))).toMatchInlineSnapshot(`
      [
        "row-reduction",
        "matmul",
        "attention",
        "matmul",
        "matmul",
        "matmul",
        "matmul",
      ]
    `);
  });
});

describe("subprograms", () => {
  test("are attention and feed-forward, in the kernels that O2 has", () => {
    const [two, four] = [scheduleAt(logitsOf(2), "O2"), scheduleAt(logitsOf(2), "O4")];
    expect(kindsOf(four)).toEqual(kindsOf(two));
    const layer = (number: number): string[] => [
      ...Array<string>(4).fill(`layer.${number}.fused_attn`),
      ...Array<string>(3).fill(`layer.${number}.fused_feedforward`),
    ];
    expect(four.kernels.map(({ subprogram }) => subprogram)).toEqual([undefined, ...layer(0), ...layer(1), undefined]);
  });

  test("are not named if LayerNorms are folded", () => {
    const named = nameSubprograms(scheduleAt(logitsOf(2), "O3")).kernels;
    expect(named.every(({ subprogram }) => subprogram === undefined)).toBe(true);
  });
});

describe("horizontal fusion", () => {
  test("makes one matmul of query, key and value, and adds their biases once", () => {
    const fused = fuseHorizontally(logitsOf(2));
    const before = computeOrder(logitsOf(2));
    const after = computeOrder(fused);
    const matmuls = (order: readonly Value[]) => order.filter(({ operation }) => operation.kind === "matmul");
    const biases = (order: readonly Value[]) =>
      order.filter((value) => elementwiseOperands(value, "add").some((operand) => operand.operation.kind === "matmul"));
    // Six products of weights a layer, two of attention, and the head.
    expect([matmuls(before).length, matmuls(after).length]).toEqual([17, 13]);
    expect([biases(before).length, biases(after).length]).toEqual([13, 9]);
    expect(matmuls(after).filter(({ shape }) => shape.at(-1) === 3 * 64)).toHaveLength(2);
  });

  test("leaves alone matmuls whose right operand is computed, has leading axes, or that share no operand", () => {
    const x = input("x", ["batch", 5, 6], "real");
    const y = input("y", [6, 6], "real");
    const z = input("z", ["batch", 6, 6], "real");
    const weight = (name: string) => parameter(name, [6, 6]);
    const program = outputsOf(matmul(x, y), matmul(x, z), matmul(x, weight("a")), matmul(tanh(x), weight("b")));
    const fused = fuseHorizontally(program);
    for (const [name, value] of program.outputs) expect(fused.outputs.get(name)).toBe(value);
  });
});

describe("not applied", () => {
  test("centering to a mean used in any other way, or of another width", () => {
    const x = input("x", ["batch", 6], "real");
    const mean = divide(sum(x), constant(6));
    const program = outputsOf(add(x, mean), subtract(tanh(x), mean), subtract(x, divide(sum(x), constant(5))));
    for (const [name, value] of centerRows(program).outputs) expect(value).toBe(program.outputs.get(name));
  });

  test("split statistics to a row that no matmul makes, or that divides into no tiles", () => {
    const norm = (operand: Value, width: number) => layerNorm(operand, config(1).layerNormEps, `norm${width}`);
    const embedded = gather(parameter("table", [9, 64]), input("ids", ["batch"], "integer"));
    const narrow = matmul(input("x", ["batch", 5], "real"), parameter("weight", [5, 24]));
    const program = outputsOf(norm(embedded, 64), norm(narrow, 24));
    for (const [name, value] of splitStatistics(program).outputs) expect(value).toBe(program.outputs.get(name));
    const wide = matmul(input("x", ["batch", 5], "real"), parameter("weight", [5, 48]));
    const split = splitStatistics(outputsOf(norm(wide, 48)));
    expect(computeOrder(split).some(({ shape }) => shape.at(-2) === 3 && shape.at(-1) === 16)).toBe(true);
  });

  test("attention to heads wider than 128, or where something inside is read by others", () => {
    const attention = (size: number, outside: boolean): Schedule => {
      const [query, key, value] = ["query", "key", "value"].map((name) => input(name, ["batch", 3, 7, size], "real"));
      const products = matmul(query as Value, transpose(key as Value, [0, 1, 3, 2]));
      const exponentials = exp(subtract(products, max(products)));
      const context = matmul(divide(exponentials, sum(exponentials)), value as Value);
      const program = outside ? outputsOf(context, tanh(exponentials)) : outputsOf(context);
      return fuseAttention(scheduleEachOperation(program));
    };
    expect(kindsOf(attention(128, false))).toEqual(["attention"]);
    expect(kindsOf(attention(129, false))).not.toContain("attention");
    expect(kindsOf(attention(64, true))).not.toContain("attention");
  });

  test("what attention loads, where another kernel reads it too, or it is a row of a table", () => {
    const [query, key, value] = ["query", "key", "value"].map((name) => input(name, ["batch", 2, 7, 8], "real"));
    const turned = concatenate([slice(query as Value, 3, 4, 8), slice(query as Value, 3, 0, 4)], 3);
    const rows = gather(parameter("table", [5, 8]), input("indices", ["batch", 2, 7], "integer"));
    const withQuery = (operand: Value, ...others: Value[]): Schedule => {
      const products = matmul(operand, transpose(key as Value, [0, 1, 3, 2]));
      const exponentials = exp(subtract(products, max(products)));
      const context = matmul(divide(exponentials, sum(exponentials)), value as Value);
      const schedule = fuseAttention(scheduleEachOperation(outputsOf(context, ...others)));
      return fuseOperands(fuseVertically(schedule));
    };
    const computed = add(query as Value, turned);
    expect(kindsOf(withQuery(computed))).toEqual(["attention"]);
    expect(kindsOf(withQuery(computed, computed))).toEqual(["elementwise", "attention"]);
    expect(kindsOf(withQuery(computed, sum(computed)))).toContain("elementwise");
    expect(kindsOf(withQuery(rows))).toEqual(["elementwise", "attention"]);
  });

  test("vertical fusion across a transpose or another place of the row", () => {
    const x = input("x", ["batch", 6, 6], "real");
    const product = matmul(x, parameter("weight", [6, 6]));
    const turned = outputsOf(tanh(transpose(product, [0, 2, 1])));
    expect(fuseVertically(scheduleEachOperation(turned)).kernels).toHaveLength(2);
    const column = outputsOf(subtract(product, slice(product, 2, 0, 1)));
    expect(fuseVertically(scheduleEachOperation(column)).kernels).toHaveLength(2);
    const inPlace = outputsOf(add(tanh(product), transpose(x, [0, 2, 1])));
    expect(fuseVertically(scheduleEachOperation(inPlace)).kernels).toHaveLength(1);
  });

  test("rows to what lies across rows", () => {
    const x = input("x", ["batch", 6, 6], "real");
    const total = sum(x);
    expect(fuseRows(scheduleEachOperation(outputsOf(subtract(x, total)))).kernels).toHaveLength(1);
    const across = outputsOf(subtract(x, transpose(total, [0, 2, 1])));
    expect(fuseRows(scheduleEachOperation(across)).kernels).toHaveLength(2);
  });
});

describe("rows far from zero, in float32", () => {
  const width = 48;
  const values = [589_825, 1e-3, -7.7e6, 3.3e30, 0];

  /** Rows of one value each, normalised: zero times weight plus bias, whatever the value. */
  async function normalized(rewrite: (program: Program) => Program): Promise<Tensor> {
    // A matmul by [1, 1, …] makes rows whose elements are exactly equal.
    const row = matmul(input("x", ["batch", 1], "real"), parameter("ones", [1, width]));
    const norm = layerNorm(row, config(1).layerNormEps, "norm");
    const program = rewrite(outputsOf(norm));
    const vector = (element: number): Float32Array => new Float32Array(width).fill(element);
    const parameters = new Map<string, Tensor>([
      ["ones", { dtype: "f32", shape: [1, width], data: vector(1) }],
      ["norm.weight", { dtype: "f32", shape: [width], data: vector(3) }],
      ["norm.bias", { dtype: "f32", shape: [width], data: vector(0.5) }],
    ]);
    const x: Tensor = { dtype: "f32", shape: [values.length, 1], data: Float32Array.from(values) };
    const lowered: LoweredPrecision = { arithmetic: "f32", stored: new Set(), round: Math.fround };
    const results = await interpret(program, parameters, new Map([["x", x]]), { lowered });
    return results.get("0") as Tensor;
  }

  test("centred rows of equal elements are exactly zero", async () => {
    expect((await normalized(centerRows)).data.every((element) => element === 0.5)).toBe(true);
    // Which is not so without: the test can fail.
    expect((await normalized((program) => program)).data.every((element) => element === 0.5)).toBe(false);
  });

  test("and so they are tile by tile", async () => {
    const tiled = await normalized((program) => centerRows(splitStatistics(program)));
    expect(tiled.data.every((element) => element === 0.5)).toBe(true);
  });
});
