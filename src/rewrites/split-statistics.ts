/**
 * Splits the statistics of a LayerNorm into two steps: mean and squared deviations of each tile of a row, then their
 * combination for the row (Chan, Golub and LeVeque, 1983):
 *
 *     mean = Σ meanₜ / T        M2 = Σ M2ₜ + w Σ (meanₜ − mean)²        variance = M2 / (T w)
 *
 * for T tiles of w columns. The first step needs only one tile of a matmul, so it fuses into the matmul's epilogue; the
 * second reads a few numbers per row, so it fuses into the kernels that read the row (`fold-layer-norm.ts`).
 *
 * Applies to a LayerNorm whose row comes from a matmul and divides into tiles of 32 or 16 columns. Any other, such as
 * the embeddings', stays a separate kernel.
 */
import { add, constant, divide, multiply, reshape, slice, sqrt, subtract, sum } from "../program/build.ts";
import { elementwiseOperands, type LayerNormMatch, matchLayerNorm } from "../program/patterns.ts";
import type { Program, Value } from "../program/program.ts";
import { rewrite } from "./rewrite.ts";

/** Per-tile statistics of a LayerNorm's rows. */
export interface TileStatistics {
  readonly row: Value;
  /** Columns per tile. */
  readonly width: number;
  /** The mean of each tile, [..., tiles, 1]. */
  readonly means: Value;
  /** The sum of squared deviations from it, [..., tiles, 1]. */
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
  // An output gets a value of its own, so that storing it does not change how other kernels read the row.
  const outputs = [...split.outputs].map(([name, value]) => {
    return [name, normalized.has(value) ? { ...value } : value] as const;
  });
  return { ...split, outputs: new Map(outputs) };
}

/** Whether a value is a matmul followed by elementwise functions. */
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
  // Relative to the first tile's mean, for the accuracy explained in center-rows.ts.
  const first = slice(tileMeans, tileMeans.shape.length - 1, 0, 1);
  const mean = add(first, divide(sum(subtract(tileMeans, first)), constant(tiles)));
  const centered = subtract(tileMeans, mean);
  const total = sum(add(rows(squares), multiply(constant(width), multiply(centered, centered))));
  const deviation = sqrt(add(divide(total, constant(columns)), constant(epsilon)));
  // One reciprocal per row and a product per element, instead of a quotient per element.
  const normalized = multiply(subtract(operand, mean), divide(constant(1), deviation));
  return add(multiply(normalized, weight), bias);
}

function tileStatistics(row: Value, width: number): TileStatistics {
  const tiles = reshape(row, [...row.shape.slice(0, -1), (row.shape.at(-1) as number) / width, width]);
  const first = slice(tiles, tiles.shape.length - 1, 0, 1);
  const shifted = subtract(tiles, first);
  const shift = divide(sum(shifted), constant(width));
  const centered = subtract(shifted, shift);
  return { row, width, means: add(first, shift), squares: sum(multiply(centered, centered)) };
}

/** The statistics whose `squares` is the given value; `means` is found among `candidates` by its operands. */
export function matchTileStatistics(squares: Value, candidates: readonly Value[]): TileStatistics | undefined {
  const { operation } = squares;
  if (operation.kind !== "reduce" || operation.function !== "sum") return undefined;
  const [factor, other] = elementwiseOperands(operation.operand, "multiply");
  const [shifted, shift] = factor === other ? elementwiseOperands(factor, "subtract") : [];
  const [tiles, first] = elementwiseOperands(shifted, "subtract");
  if (tiles?.operation.kind !== "reshape" || first?.operation.kind !== "slice") return undefined;
  const means = candidates.find((value) => {
    const [left, right] = elementwiseOperands(value, "add");
    return left === first && right === shift;
  });
  return means && { row: tiles.operation.operand, width: tiles.shape.at(-1) as number, means, squares };
}
