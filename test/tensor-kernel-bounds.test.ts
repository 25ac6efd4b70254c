/**
 * No kernel for tensor cores reads or writes out of bounds, in the tiles of every size class, on the software GPU with
 * stand-ins (support/stand-in-halves.ts). kernel-bounds.test.ts tests all other kernels.
 */
import { beforeAll, describe, expect, test, vi } from "vitest";
import { tensorSizeClasses } from "../src/engines/webgpu/kernels/matmul/tensor-tiles.ts";
import { next } from "./support/checked-lowering.ts";
import { CheckedDevice, deep, type Lengths, largeHeads, type ModelCase, odd, wide } from "./support/checked-models.ts";
import { required } from "./support/golden.ts";
import { goldenFamilies } from "./support/golden-families.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

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

/** From one token to a multiple of the smallest tiles; those above the largest tile are no multiples of it. */
const batches: readonly Lengths[] = [[1], [1, 15, 16, 17, 2, 64], [64, 64, 64]];

const berts: readonly ModelCase[] = [
  ...tensorSizeClasses.map((maxRows, index): ModelCase => {
    const other = { tensorCores: true, maxRows };
    // One of them with row statistics.
    const level = index === 1 ? "O3" : "O4";
    return { name: "wide", config: wide, level, precision: "f16", other, upTo: "layer.0.intermediate" };
  }),
  ...[odd, largeHeads].map((config): ModelCase => {
    const name = `heads of ${config.hiddenSize / config.heads}`;
    const other = { tensorCores: true, maxRows: Number.POSITIVE_INFINITY };
    // Not up to the context: outputs are float32, which tensor cores do not store.
    return { name, config, level: "O4", precision: "f16", other, upTo: "layer.0.attention_output" };
  }),
];

/** Attention that looks up pairs of positions, and with a window. */
const families = [
  { name: "deberta-v3", upTo: "layer.0.attention_output" },
  { name: "modernbert", upTo: "layer.1.attention_output" },
];

const splitK: ModelCase = {
  name: "deep, split-K",
  config: deep,
  level: "O4",
  precision: "f16",
  other: { tensorCores: true, maxRows: 768 },
  upTo: "layer.0.output",
};

describe.skipIf(softwareGpuMissing !== undefined)("no kernel for tensor cores reads or writes out of bounds", () => {
  test.each(berts)("of a BERT, $name, $level, for $other.maxRows rows", async (bert) => {
    await checked.runModel(bert, batches);
    expect(await checked.record.takeViolations()).toEqual([]);
  });

  test.each(families)("of a $name", async ({ name, upTo }) => {
    const config = required(goldenFamilies.find((family) => family.name === name)).config;
    const other = { tensorCores: true, maxRows: Number.POSITIVE_INFINITY };
    await checked.runModel({ name, config, level: "O4", precision: "f16", other, upTo }, batches);
    expect(await checked.record.takeViolations()).toEqual([]);
  });

  test("of a BERT, its longest matmul with split-K", async () => {
    await checked.runModel(splitK, batches);
    expect(next.maxSplitK).toBeGreaterThan(1);
    expect(await checked.record.takeViolations()).toEqual([]);
  });

  test("and each index was reached", async () => {
    const { kernels, sites } = checked.record;
    console.log(`${sites} indexes in ${kernels} kernels for tensor cores were checked.`);
    expect([kernels > 15, sites > 500]).toEqual([true, true]);
    expect(await checked.record.unreached()).toEqual([]);
  });

  test("and a fragment that ends beyond workgroup memory is reported", async () => {
    const load = "subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, local_index, 3u)";
    // The last line begins 45 units on and has two: the last invocation's second one is not there.
    const found = await checked.runDefect(
      "O2",
      ["@compute", "var<workgroup> tile: array<vec4<u32>, 109>;\n@compute"],
      ["let row = ", `let fragment = ${load};\n  let row = `],
    );
    expect(found).toContainEqual({ kernel: "defect: 0 row-reduction", line: `let fragment = ${load};`, index: 63 });
    expect(found.every(({ index }) => index === 63)).toBe(true);
  });
});
