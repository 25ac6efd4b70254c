/**
 * No kernel reads or writes out of bounds. Trusted kernels rely on it: with them, nothing else keeps a wrong index from
 * other memory.
 *
 * Every index of a kernel is checked (support/check-bounds.ts) while the software GPU runs it, in sizes at and around
 * multiples of tiles. Kernels for tensor cores are in tensor-kernel-bounds.test.ts.
 */
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { ModelConfig } from "../src/architectures/index.ts";
import { selfTest } from "../src/engines/webgpu/run/self-test.ts";
import { computeOrder } from "../src/program/order.ts";
import { next } from "./support/checked-lowering.ts";
import { CheckedDevice, deep, even, type Lengths, type ModelCase, odd, wide } from "./support/checked-models.ts";
import { isGemv } from "./support/gemv.ts";
import { required } from "./support/golden.ts";
import { goldenFamilies } from "./support/golden-families.ts";
import { type RandomProgram, randomProgram } from "./support/random-programs.ts";
import { smallPersistent } from "./support/small-persistent.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";
import { tileOfK } from "./support/split-k.ts";

vi.mock("../src/engines/webgpu/plan/lower.ts", async (importOriginal) => {
  const { checkedLowering } = await import("./support/checked-lowering.ts");
  return checkedLowering(await importOriginal<Parameters<typeof checkedLowering>[0]>());
});

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

let checked: CheckedDevice;

beforeAll(async () => {
  if (softwareGpuMissing !== undefined) return;
  checked = await CheckedDevice.open();
  return () => checked.device.destroy();
});

/** At and around multiples of tiles, vectors and the arena's rounding of tokens. */
const batches: readonly Lengths[] = [[2], [15], [16], [17], [33], [64], [65, 1], [31, 0, 33]];
const fewBatches: readonly Lengths[] = [[1], [1, 15, 16, 17, 2, 64]];

/** The larger tiles of a hardware adapter. */
function largerTiles(maxRows: number): Omit<ModelCase, "name"> {
  return { config: wide, level: "O3", precision: "f32", other: { tensorCores: false, maxRows } };
}

/** O2 and O4 have the same kernels; O3 differs from them where rows have statistics. */
const berts: readonly ModelCase[] = [
  { name: "odd", config: odd, level: "O0", precision: "f32", upTo: "layer.0.intermediate" },
  { name: "odd", config: odd, level: "O1", precision: "f32", upTo: "layer.0.context" },
  { name: "odd", config: odd, level: "O2", precision: "f32" },
  { name: "odd", config: odd, level: "O3", precision: "f32" },
  { name: "odd", config: odd, level: "O4", precision: "f32" },
  { name: "odd", config: odd, level: "O4", precision: "f16-storage", upTo: "layer.0.context" },
  { name: "even", config: even, level: "O3", precision: "f16", upTo: "layer.0.context" },
  {
    name: "odd, persistent",
    config: odd,
    level: "O4",
    precision: "f32",
    other: { tensorCores: false, maxRows: 1, persistent: smallPersistent(1) },
  },
  { ...largerTiles(1), name: "wide, in tiles for few rows" },
  { ...largerTiles(Number.POSITIVE_INFINITY), name: "wide, in tiles for many rows", upTo: "layer.0.intermediate" },
];

/** Those whose attention looks up pairs of positions, or has a window. */
const families: readonly ModelCase[] = [
  { name: "mpnet", upTo: "layer.0.output" },
  { name: "deberta-v3", upTo: "layer.0.output" },
  { name: "deberta-v2-conv", upTo: "layer.0.output" },
  { name: "modernbert", upTo: "layer.1.output" },
].map((family) => ({ ...family, config: configOf(family.name), level: "O4", precision: "f32" }));

function configOf(name: string): ModelConfig {
  return required(goldenFamilies.find((family) => family.name === name)?.config, name);
}

/** Split-K in a tile within the software GPU's limits. */
const splitK: ModelCase = {
  name: "deep, split-K",
  config: deep,
  level: "O4",
  precision: "f32",
  other: {
    tensorCores: false,
    maxRows: 768,
    tiles: tileOfK(deep.intermediateSize, {
      tileM: 64,
      tileN: 64,
      tileK: 8,
      workgroupSplitK: 4,
      threadTile: [8, 8],
      prefetchStages: 2,
      layout: "k-major",
      splitK: 4,
    }),
  },
  upTo: "layer.0.output",
};

/** Programs of which no kernel takes the software GPU long to compile. */
function* quickPrograms(count: number): Generator<RandomProgram> {
  for (let seed = 4001, found = 0; found < count; seed++) {
    const random = randomProgram(seed, 5);
    if (computeOrder(random.program).some((value) => value.operation.kind === "matmul" && !isGemv(value))) continue;
    found++;
    yield random;
  }
}

describe.skipIf(softwareGpuMissing !== undefined)("no kernel reads or writes out of bounds", () => {
  test.each(berts)("of a BERT, $name, $level, $precision", async (bert) => {
    await checked.runModel(bert, bert.other ? fewBatches : [...fewBatches, ...batches]);
    expect(await checked.record.takeViolations()).toEqual([]);
  });

  test.each(families)("of a $name", async (family) => {
    await checked.runModel(family, fewBatches);
    expect(await checked.record.takeViolations()).toEqual([]);
  });

  test("of a BERT, its longest matmul with split-K", async () => {
    await checked.runModel(splitK, fewBatches);
    expect(next.maxSplitK).toBe(4);
    expect(await checked.record.takeViolations()).toEqual([]);
  });

  test.each(["O0", "O3"] as const)("of random programs, %s", async (level) => {
    for (const { inputs, ...random } of quickPrograms(8)) {
      await checked.run({ ...random, name: "random", level, precision: "f32" }, { inputs });
    }
    expect(await checked.record.takeViolations()).toEqual([]);
  });

  test("of the self-test, which still passes", async () => {
    Object.assign(next, { name: "self-test", other: undefined });
    await selfTest(checked.device, "f32");
    expect(await checked.record.takeViolations()).toEqual([]);
  });

  test("and each index of the models was reached", async () => {
    const { kernels, sites } = checked.record;
    console.log(`${sites} indexes in ${kernels} kernels were checked.`);
    expect([kernels > 100, sites > 1000]).toEqual([true, true]);
    const unreached = await checked.record.unreached();
    // The others have runs of one size only, and no grid barrier timed out.
    const isMissing = ({ kernel, line }: (typeof unreached)[number]): boolean =>
      !/^(random|self-test)/.test(kernel) && !/^if \(has_arrived == 0u\)/.test(line);
    expect(unreached.filter(isMissing)).toEqual([]);
  });
});

describe.skipIf(softwareGpuMissing !== undefined)("accesses out of bounds are reported with site and index", () => {
  test("beyond a tensor, although the bound range has memory for more tokens", async () => {
    const found = await checked.runDefect("O0", [/if \(index >= .*\{ return; \}/, ""]);
    expect(found[0]).toEqual({
      kernel: "defect: 0 elementwise",
      line: expect.stringMatching(/^out0\[/),
      index: expect.any(Number),
    });
    // Three rows of seven vectors are inside.
    expect(found.every(({ index }) => index >= 21)).toBe(true);
  });

  test("beyond a table", async () => {
    const found = await checked.runDefect("O2", ["min(u32(s1), 39u)", "(u32(s1) + 1u)"]);
    const line = expect.stringContaining("in1[(u32(s1) + 1u) * 7u");
    expect(found).toContainEqual({ kernel: "defect: 0 row-reduction", line, index: 40 * 7 + 6 });
  });

  test("beyond a vector, in the next one of the same binding", async () => {
    const found = await checked.runDefect("O2", ["= vectors[column_0 / 4u]", "= vectors[column_0 / 4u + 1u]"]);
    const line = expect.stringContaining("vectors[column_0 / 4u + 1u]");
    expect(found).toContainEqual({ kernel: "defect: 0 row-reduction", line, index: 7 });
  });

  test("beyond workgroup memory", async () => {
    const found = await checked.runDefect("O2", ["shared_values: array<f32, 64>", "shared_values: array<f32, 63>"]);
    const line = expect.stringContaining("shared_values[");
    expect(found).toContainEqual({ kernel: "defect: 0 row-reduction", line, index: 63 });
  });

  test("and a source that cannot be parsed is refused", async () => {
    const line = "let odd = vec2<u32>(1u, 2u)[local_index];";
    await expect(checked.runDefect("O2", ["let row = ", `${line}\n  let row = `])).rejects.toThrow(
      `not understood: ${line}`,
    );
  });
});
