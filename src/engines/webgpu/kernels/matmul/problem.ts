/**
 * What a matmul's tile depends on: its sizes, and what its kernel computes besides the products.
 */
import { type Extent, operandsOf, type Value } from "../../../../program/program.ts";
import { viewedTensor } from "../../../../program/views.ts";
import type { Kernel, Template } from "../../../../schedule/schedule.ts";
import { isF16 } from "../../wgsl/storage.ts";
import type { KernelContext, Problem } from "../family.ts";
import { rowStatistics } from "./row-statistics.ts";

export interface MatmulProblem extends Problem {
  /** K and N. */
  readonly shape: readonly [k: Extent, n: Extent];
  /** Whether the kernel computes statistics of its result: not all tiles suit those. */
  readonly hasStatistics: boolean;
  /** Whether the result may be left as split-K partial sums. */
  readonly canSplitK: boolean;
  /** Whether both operands lie in memory as float16. */
  readonly isF16: boolean;
  /** Numbers of each row of the left operand that the kernel keeps in workgroup memory. */
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

/** The two operands of a value that is a matmul. */
export function operandsOfMatmul({ operation }: Value): { readonly left: Value; readonly right: Value } {
  if (operation.kind !== "matmul") throw new RangeError(`a ${operation.kind} is no matmul`);
  return operation;
}

/** Whether K divides among so many workgroups into equal slices of whole steps; 1 is always possible. */
export const canSplitK = (
  splitK: number,
  step: number,
  { shape: [k], canSplitK }: Pick<MatmulProblem, "shape" | "canSplitK">,
): boolean => splitK === 1 || (canSplitK && Number(k) % (step * splitK) === 0);

/** Sizes of split-K worth trying for a tile. */
const splitKSizes = [1, 2, 3, 4, 6, 8];

/** The sizes that all tiles of matmuls have. */
interface ResultTile {
  readonly tileM: number;
  readonly tileN: number;
  readonly splitK: number;
}

/** So many workgroups keep a large GPU busy: about one for each of four multiprocessors. */
const enoughWorkgroups = 32;
/** From so many workgroups on, small tiles only read operands more often. */
const manyWorkgroups = 6000;

/**
 * Tiles with each split-K that the problem allows, without those of which a run has so few that most of a large GPU is
 * idle (as long as there are smaller ones), and those so small that a run has tens of thousands.
 * @param rows of the result.
 */
export function ofUsefulSize<T extends ResultTile>(tiles: readonly T[], problem: MatmulProblem, rows: number): T[] {
  const columns = Number(problem.shape[1]);
  const split = problem.canSplitK ? splitKSizes.flatMap((splitK) => tiles.map((tile) => ({ ...tile, splitK }))) : tiles;
  const tilesOfResult = ({ tileM, tileN }: T): number => Math.ceil(rows / tileM) * Math.ceil(columns / tileN);
  const max = Math.max(...split.map(tilesOfResult));
  return split.filter((tile) => {
    const count = tilesOfResult(tile) * tile.splitK;
    const isEmpty = tile.tileN >= 2 * Math.max(columns, 32) || tile.tileM >= 2 * Math.max(rows, 32);
    const isLarge = tile.tileM * tile.tileN >= 96 * 96;
    return !isEmpty && count >= Math.min(enoughWorkgroups, max / 4) && (count <= manyWorkgroups || isLarge);
  });
}
