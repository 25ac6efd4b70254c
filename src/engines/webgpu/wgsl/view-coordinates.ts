/**
 * Where the elements of views and concatenations lie in their operands, as coordinates in WGSL, and whether neighbours there
 * are neighbours in the operand.
 */
import type { Operation, Value } from "../../../program/program.ts";
import { type Coordinates, plus, throughReshape, zero } from "./coordinates.ts";

export type View = Extract<Operation, { kind: "slice" | "reshape" | "transpose" }>;
export type Concatenation = Extract<Operation, { kind: "concatenate" }>;

/** The coordinates in a view's operand, from those in the view. */
export function viewedCoordinates(value: Value, operation: View, coordinates: Coordinates): Coordinates {
  switch (operation.kind) {
    case "slice":
      return coordinates.with(operation.axis, plus(coordinates[operation.axis] ?? zero, operation.start));
    case "reshape":
      return throughReshape(coordinates, value.shape, operation.operand.shape);
    case "transpose":
      return operation.permutation.map((_, axis) => coordinates[operation.permutation.indexOf(axis)] ?? zero);
  }
}

/** Whether `count` aligned neighbours in a view are contiguous in its operand. @param viewed coordinates in the operand. */
export function isContiguous(value: Value, operation: View, viewed: Coordinates, count: 4 | 8 = 4): boolean {
  const rank = value.shape.length;
  const isAligned = (viewed.at(-1)?.multipleOf ?? 0) % count === 0;
  switch (operation.kind) {
    case "slice":
      return isAligned;
    case "transpose":
      return operation.permutation[rank - 1] === rank - 1;
    case "reshape": {
      const [width, operandWidth] = [value.shape.at(-1), operation.operand.shape.at(-1)];
      if (width === operandWidth) return true;
      return isAligned && [width, operandWidth].every((extent) => typeof extent === "number" && extent % count === 0);
    }
  }
}

/** What vectors of a concatenation move in along its axis; `undefined` if they do not lie in one operand each. */
export function unitOf(
  { shape }: Value,
  { operands, axis }: Concatenation,
  coordinates: Coordinates,
): 1 | 4 | undefined {
  if (axis !== shape.length - 1) return 1;
  const extents = operands.map((operand) => operand.shape[axis]);
  const isWhole = extents.every((extent) => typeof extent === "number" && extent % 4 === 0);
  return isWhole && (coordinates.at(-1) ?? zero).multipleOf % 4 === 0 ? 4 : undefined;
}

export interface SlicedPart {
  /** Where the slice begins in the source, and its extent. */
  readonly from: number;
  readonly extent: number;
}

export interface Sliced {
  readonly value: Value;
  readonly parts: readonly SlicedPart[];
}

/**
 * The value of which all operands of a concatenation are slices, such as the halves that a rotation exchanges.
 * @param unit what the slices must begin at multiples of.
 */
export function slicedBy({ operands, axis }: Concatenation, unit: 1 | 4): Sliced | undefined {
  const slices = operands.flatMap(({ operation }) => {
    return operation.kind === "slice" && operation.axis === axis ? [operation] : [];
  });
  const value = slices[0]?.operand;
  const isOne =
    slices.length === operands.length && slices.every((one) => one.operand === value && one.start % unit === 0);
  const parts = slices.map(({ start, end }) => ({ from: start, extent: end - start }));
  return value !== undefined && isOne ? { value, parts } : undefined;
}

/** The place in the source of a place in a concatenation of its slices, as WGSL. Beyond the end it is that of the last. */
export function placeInSource(parts: readonly SlicedPart[], here: string, unit: number): string {
  const total = parts.reduce((sum, { extent }) => sum + extent, 0);
  const inside = `min(${here}, ${total - unit}u)`;
  let start = 0;
  let text = "";
  for (const { from, extent } of parts) {
    // Unsigned numbers wrap around: `from` may be less than `start`.
    const place = from >= start ? `${inside} + ${from - start}u` : `${inside} - ${start - from}u`;
    text = text === "" ? place : `select(${text}, ${place}, ${here} >= ${start}u)`;
    start += extent;
  }
  return parts.length === 1 ? `(${text})` : text;
}
