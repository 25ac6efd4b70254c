/**
 * Splits the statistics of a LayerNorm in two steps: each row's mean and squared deviations tile by tile, then of the
 * whole row by combining them (Chan, Golub and LeVeque, 1983):
 *
 *     mean = Σ meanₜ / T        M2 = Σ M2ₜ + w Σ (meanₜ − mean)²        variance = M2 / (T w)
 *
 * for T tiles of w columns. The first step needs only what one tile of a matmul holds, so it can be done where the row is
 * made; the second reads a few numbers a row, so it can be done where the row is used (`fold-layer-norm.ts`).
 *
 * Applies to a LayerNorm whose row is computed by a matmul and divides into tiles of 32 or 16 columns. Does not apply
 * to any other, the embeddings' for one: those stay a kernel.
 */
import { add, constant, divide, multiply, reshape, slice, sqrt, subtract, sum } from "../program/build.ts";
import { elementwiseOperands, type LayerNormMatch, matchLayerNorm } from "../program/patterns.ts";
import type { Program, Value } from "../program/program.ts";
import { rewrite } from "./rewrite.ts";

/** A LayerNorm's statistics, tile by tile of the rows that a matmul makes. */
export interface TileStatistics {
  readonly row: Value;
  /** Columns a tile. */
  readonly width: number;
  /** The mean of each tile, [..., tiles, 1]. */
  readonly means: Value;
  /** The squared deviations from it, summed, [..., tiles, 1]. */
  readonly squares: Value;
}

const tileWidths = [32, 16];

export function splitStatistics(program: Program): Program {
  const normalized = new Set<Value>();
  const split = rewrite(program, (value) => {
    const match = matchLayerNorm(value);
    const width = match && tileWidths.find((candidate) => Number(match.operand.shape.at(-1)) % candidate === 0);
    if (match === undefined || width === undefined || !isMatmulResult(match.operand)) return value;
    const replacement = layerNormByTiles(match, width);
    normalized.add(replacement);
    return replacement;
  });
  // A stage to be kept is a value of its own, so that keeping it does not change how the others get at it.
  const outputs = [...split.outputs].map(([name, value]) => {
    return [name, normalized.has(value) ? { ...value } : value] as const;
  });
  return { ...split, outputs: new Map(outputs) };
}

/** Computed of a matmul, element by element. */
function isMatmulResult(value: Value): boolean {
  const { operation } = value;
  if (operation.kind === "matmul") return true;
  if (operation.kind !== "elementwise") return false;
  return operation.operands.some((operand) => operand.shape.join() === value.shape.join() && isMatmulResult(operand));
}

function layerNormByTiles({ operand, weight, bias, epsilon }: LayerNormMatch, width: number): Value {
  const columns = operand.shape.at(-1) as number;
  const tiles = columns / width;
  const { means, squares } = tileStatistics(operand, width);
  const rows = (value: Value): Value => reshape(value, [...operand.shape.slice(0, -1), tiles]);
  const tileMeans = rows(means);
  // Relative to the first tile's, for the reason that center-rows.ts gives.
  const first = slice(tileMeans, tileMeans.shape.length - 1, 0, 1);
  const mean = add(first, divide(sum(subtract(tileMeans, first)), constant(tiles)));
  const apart = subtract(tileMeans, mean);
  const total = sum(add(rows(squares), multiply(constant(width), multiply(apart, apart))));
  const deviation = sqrt(add(divide(total, constant(columns)), constant(epsilon)));
  // A product for each element, in place of a quotient: there is one reciprocal a row.
  const normalized = multiply(subtract(operand, mean), divide(constant(1), deviation));
  return add(multiply(normalized, weight), bias);
}

function tileStatistics(row: Value, width: number): TileStatistics {
  const tiles = reshape(row, [...row.shape.slice(0, -1), (row.shape.at(-1) as number) / width, width]);
  const first = slice(tiles, tiles.shape.length - 1, 0, 1);
  const shifted = subtract(tiles, first);
  const shift = divide(sum(shifted), constant(width));
  const apart = subtract(shifted, shift);
  return { row, width, means: add(first, shift), squares: sum(multiply(apart, apart)) };
}

/** The statistics that a value is the `squares` of. `means` is the value among `candidates` that has the same parts. */
export function matchTileStatistics(squares: Value, candidates: readonly Value[]): TileStatistics | undefined {
  const { operation } = squares;
  if (operation.kind !== "reduce" || operation.function !== "sum") return undefined;
  const [apart, again] = elementwiseOperands(operation.operand, "multiply");
  const [shifted, shift] = apart === again ? elementwiseOperands(apart, "subtract") : [];
  const [tiles, first] = elementwiseOperands(shifted, "subtract");
  if (tiles?.operation.kind !== "reshape" || first?.operation.kind !== "slice") return undefined;
  const means = candidates.find((value) => {
    const [left, right] = elementwiseOperands(value, "add");
    return left === first && right === shift;
  });
  return means && { row: tiles.operation.operand, width: tiles.shape.at(-1) as number, means, squares };
}
