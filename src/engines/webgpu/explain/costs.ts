/**
 * What a kernel costs by its definition: arithmetic, and bytes to and from memory.
 *
 * FLOPs: a matmul 2·m·n·k, an elementwise function 1 an element of its result (exp, erf and select as much as add), a
 * reduction 1 an element of its operand; gathers, views and what is known before a run 0. What several workgroups of one
 * kernel compute again for themselves counts once; what two kernels compute counts twice.
 *
 * Bytes: every tensor a kernel binds once, whole, at the size it has in memory, padding included; what is the sum of several
 * tensors, all of them; of a table whose rows are gathered only the rows. Real traffic is more where tiles read an operand
 * again, and less where a cache holds it.
 */

import { type Binding, bindShape } from "../../../program/bind.ts";
import type { Shape, Value } from "../../../program/program.ts";
import { viewedTensor } from "../../../program/views.ts";
import type { LoweredKernel } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";
import { byteLength } from "../wgsl/storage.ts";
import { isNothing } from "./operations.ts";

export interface Traffic {
  /** Matrices and tables known before a run, read. */
  readonly weights: number;
  /** Biases and LayerNorm weights, read. */
  readonly vectors: number;
  /** What kernels stored, and inputs, read. */
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
  return interior.reduce((sum, value) => sum + (isNothing(value, constants) ? 0 : flops(value, steps)), 0);
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

/** How often something is computed that is computed once for each index of a shape. */
function stepsOf(shape: Shape, extents: Binding, visiblePairs: number | undefined): number {
  const bound = bindShape(shape, extents);
  const overTokens = bound.filter((_, axis) => shape[axis] === "tokens");
  const isOfPairs = visiblePairs !== undefined && overTokens.length === 2;
  const others = isOfPairs ? bound.filter((_, axis) => shape[axis] !== "tokens") : bound;
  return others.reduce((product, extent) => product * extent, isOfPairs ? visiblePairs : 1);
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

/** The rows of a table that gathers read; infinite for what is read in any other way. */
function gatheredBytes(table: Value, interior: readonly Value[], placement: Placement, extents: Binding): number {
  let bytes = 0;
  for (const { operation, shape } of interior) {
    if (operation.kind !== "gather" || viewedTensor(operation.table) !== table) continue;
    bytes += byteLength(bindShape(shape, extents), placement.typeOf(table) ?? "f32");
  }
  return bytes === 0 ? Number.POSITIVE_INFINITY : bytes;
}

/** Read and written. */
export function allBytes({ weights, vectors, activations, written }: Traffic): number {
  return weights + vectors + activations + written;
}
