/** What a matmul's tile depends on: its sizes, and what its kernel computes besides the products. */
import { type Extent, operandsOf, type Value } from "../../../../program/program.ts";
import { viewedTensor } from "../../../../program/views.ts";
import type { Kernel, Template } from "../../../../schedule/schedule.ts";
import { isF16 } from "../../wgsl/storage.ts";
import type { KernelContext, Problem } from "../family.ts";
import { rowStatistics } from "./row-statistics.ts";

export interface MatmulProblem extends Problem {
  /** K and N. */
  readonly shape: readonly [k: Extent, n: Extent];
  /** Whether the kernel computes statistics of its result, which not all tiles support. */
  readonly hasStatistics: boolean;
  /** Whether the result may be left as split-K partial sums. */
  readonly canSplitK: boolean;
  /** Whether both operands are stored as float16. */
  readonly isF16: boolean;
  /** Statistics per row of the left operand that the kernel keeps in workgroup memory. */
  readonly rowStatistics: number;
}

export type MatmulTemplate = Extract<Template, { kind: "matmul" }>;

export function matmulProblem(
  { stores }: Kernel,
  { matmul, statistics }: MatmulTemplate,
  { placement, splitKResults, interior }: KernelContext,
): MatmulProblem {
  const { left } = operandsOfMatmul(matmul);
  const inMemory = operandsOf(matmul.operation).map((operand) => placement.typeOf(viewedTensor(operand)));
  return {
    shape: [left.shape.at(-1) as Extent, matmul.shape.at(-1) as Extent],
    hasStatistics: statistics !== undefined,
    canSplitK: stores.some((value) => splitKResults.has(value)),
    isF16: inMemory.every(isF16),
    rowStatistics: rowStatistics(interior, matmul).length,
  };
}

/** @throws RangeError for a value that is no matmul. */
export function operandsOfMatmul({ operation }: Value): { readonly left: Value; readonly right: Value } {
  if (operation.kind !== "matmul") throw new RangeError(`a ${operation.kind} is no matmul`);
  return operation;
}

/** Whether K is contiguous in a right operand's memory: weights as [outputs, inputs], or keys. */
export function isKContiguous({ operation, shape }: Value): boolean {
  return operation.kind === "transpose" && operation.permutation.at(-1) !== shape.length - 1;
}

/** Whether K divides into equal slices of whole steps; a single slice is always possible. */
export const canSplitK = (
  splitK: number,
  step: number,
  { shape: [k], canSplitK }: Pick<MatmulProblem, "shape" | "canSplitK">,
): boolean => splitK === 1 || (canSplitK && Number(k) % (step * splitK) === 0);

/** Sizes of split-K worth trying for a tile. */
const splitKSizes = [1, 2, 3, 4, 6, 8];

/** Min workgroups that keep a large GPU busy: about one per four multiprocessors. */
const minWorkgroups = 32;
/** Beyond this many workgroups, small tiles only read operands more often. */
const manyWorkgroups = 6000;

/**
 * Tiles with each split-K that the problem allows, without tiles so large that a large GPU is mostly idle (unless there are
 * no smaller ones) and tiles so small that a run has tens of thousands of workgroups.
 * @param rows rows of the result.
 */
export function ofUsefulSize<T extends { readonly tileM: number; readonly tileN: number; readonly splitK: number }>(
  tiles: readonly T[],
  problem: MatmulProblem,
  rows: number,
): T[] {
  const columns = Number(problem.shape[1]);
  const split = problem.canSplitK ? splitKSizes.flatMap((splitK) => tiles.map((tile) => ({ ...tile, splitK }))) : tiles;
  const tilesOfResult = ({ tileM, tileN }: T): number => Math.ceil(rows / tileM) * Math.ceil(columns / tileN);
  const max = Math.max(...split.map(tilesOfResult));
  return split.filter((tile) => {
    const count = tilesOfResult(tile) * tile.splitK;
    const isEmpty = tile.tileN >= 2 * Math.max(columns, 32) || tile.tileM >= 2 * Math.max(rows, 32);
    const isLarge = tile.tileM * tile.tileN >= 96 * 96;
    return !isEmpty && count >= Math.min(minWorkgroups, max / 4) && (count <= manyWorkgroups || isLarge);
  });
}
