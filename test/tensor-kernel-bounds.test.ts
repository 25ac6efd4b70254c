/**
 * No kernel for tensor cores reads or writes out of bounds, as kernel-bounds.test.ts has it for all others: in the tiles of
 * all sizes of work, with the software GPU standing in (support/stand-in-halves.ts).
 */
import { beforeAll, describe, expect, test, vi } from "vitest";
import { tensorSizeClasses } from "../src/engines/webgpu/kernels/matmul/tensor-tiles.ts";
import { next } from "./support/checked-lowering.ts";
import { type BertCase, CheckedDevice, deep, type Lengths, largeHeads, odd, wide } from "./support/checked-models.ts";
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

/** From a single token to a whole number of the smallest tiles; those above the largest are not whole. */
const batches: readonly Lengths[] = [[1], [1, 15, 16, 17, 2, 64], [64, 64, 64]];

const berts: readonly BertCase[] = [
  ...tensorSizeClasses.map((maxRows, index): BertCase => {
    const other = { tensorCores: true, maxRows };
    // With statistics of rows in one of them.
    const level = index === 1 ? "O3" : "O4";
    return { name: "wide", config: wide, level, precision: "f16", other, upTo: "layer.0.intermediate" };
  }),
  ...[odd, largeHeads].map((config): BertCase => {
    const name = `heads of ${config.hiddenSize / config.heads}`;
    const other = { tensorCores: true, maxRows: Number.POSITIVE_INFINITY };
    // Not up to the context: an output is float32, which tensor cores do not give.
    return { name, config, level: "O4", precision: "f16", other, upTo: "layer.0.attention_output" };
  }),
];

const inShares: BertCase = {
  name: "deep, in shares",
  config: deep,
  level: "O4",
  precision: "f16",
  other: { tensorCores: true, maxRows: 768 },
  upTo: "layer.0.output",
};

describe.skipIf(softwareGpuMissing !== undefined)("no kernel for tensor cores reads or writes out of bounds", () => {
  test.each(berts)("of a BERT, $name, $level, for $other.maxRows rows", async (bert) => {
    await checked.runBert(bert, batches);
    expect(await checked.record.takeViolations()).toEqual([]);
  });

  test("of a BERT, its longest product in shares", async () => {
    await checked.runBert(inShares, batches);
    expect(next.maxSplitK).toBeGreaterThan(1);
    expect(await checked.record.takeViolations()).toEqual([]);
  });

  test("and each index was reached", async () => {
    const { kernels, sites } = checked.record;
    console.log(`${sites} indexes in ${kernels} kernels for tensor cores were checked.`);
    expect([kernels > 15, sites > 500]).toEqual([true, true]);
    expect(await checked.record.unreached()).toEqual([]);
  });

  test("and a fragment that ends beyond workgroup memory is told", async () => {
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
