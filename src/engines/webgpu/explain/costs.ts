/**
 * A kernel's nominal cost: arithmetic, and bytes to and from memory.
 *
 * FLOPs: a matmul 2·m·n·k, an elementwise function 1 per element of its result (exp, erf and select as well as add), a
 * reduction 1 per element of its operand; gathers, views and constants 0. What workgroups of one kernel recompute counts
 * once; what two kernels compute counts twice.
 *
 * Bytes: every bound tensor once, at its size in memory with padding; all partial sums; of a gathered table only the rows
 * gathered. Real traffic is higher where tiles reread an operand, and lower where a cache holds it.
 */
import { type Binding, bindShape } from "../../../program/bind.ts";
import type { Shape, Value } from "../../../program/program.ts";
import { viewedTensor } from "../../../program/views.ts";
import type { LoweredKernel } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";
import { byteLength } from "../wgsl/storage.ts";
import { isFree } from "./operations.ts";

/** Bytes; all but `written` are read. */
export interface Traffic {
  /** Constant matrices and tables. */
  readonly weights: number;
  /** Biases and LayerNorm weights. */
  readonly vectors: number;
  /** Inputs, and tensors that kernels stored. */
  readonly activations: number;
  readonly written: number;
}

/** @param visiblePairs pairs of tokens that are computed; absent: all pairs. */
export function flopsOf(
  interior: readonly Value[],
  constants: ReadonlySet<Value>,
  extents: Binding,
  visiblePairs?: number,
): number {
  const steps = (shape: Shape): number => stepsOf(shape, extents, visiblePairs);
  return interior.reduce((sum, value) => sum + (isFree(value, constants) ? 0 : flops(value, steps)), 0);
}

function flops({ operation, shape }: Value, steps: (shape: Shape) => number): number {
  switch (operation.kind) {
    case "matmul":
      return 2 * steps([...shape, ...operation.left.shape.slice(-1)]);
    case "elementwise":
      return steps(shape);
    case "reduce":
      return steps(operation.operand.shape);
    default:
      return 0;
  }
}

/** The number of indices of a shape; of two axes of tokens only visible pairs count. */
function stepsOf(shape: Shape, extents: Binding, visiblePairs: number | undefined): number {
  const bound = bindShape(shape, extents);
  const overTokens = bound.filter((_, axis) => shape[axis] === "tokens");
  const hasPairs = visiblePairs !== undefined && overTokens.length === 2;
  const counted = hasPairs ? bound.filter((_, axis) => shape[axis] !== "tokens") : bound;
  return counted.reduce((product, extent) => product * extent, hasPairs ? visiblePairs : 1);
}

export function bytesOf(value: Value, placement: Placement, extents: Binding): number {
  return byteLength(bindShape(value.shape, extents), placement.typeOf(value) ?? "f32");
}

export function trafficOf({ bindings, interior }: LoweredKernel, placement: Placement, extents: Binding): Traffic {
  const traffic = { weights: 0, vectors: 0, activations: 0, written: 0 };
  for (const binding of bindings) {
    if (binding.kind === "vectors") {
      for (const value of binding.values) traffic.vectors += bytesOf(value, placement, extents);
      continue;
    }
    if (binding.kind === "grid-barrier") continue;
    const { value, access, partialSums } = binding;
    const kind = access === "write" ? "written" : placement.isConstant(value) ? "weights" : "activations";
    const bytes = Math.min(bytesOf(value, placement, extents), gatheredBytes(value, interior, placement, extents));
    traffic[kind] += partialSums * bytes;
  }
  return traffic;
}

/** Bytes of the rows that gathers read from a table; infinite for a tensor that is not gathered from. */
function gatheredBytes(table: Value, interior: readonly Value[], placement: Placement, extents: Binding): number {
  let bytes = 0;
  for (const { operation, shape } of interior) {
    if (operation.kind !== "gather" || viewedTensor(operation.table) !== table) continue;
    bytes += byteLength(bindShape(shape, extents), placement.typeOf(table) ?? "f32");
  }
  return bytes === 0 ? Number.POSITIVE_INFINITY : bytes;
}

export const allBytes = ({ weights, vectors, activations, written }: Traffic): number =>
  weights + vectors + activations + written;
