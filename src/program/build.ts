/**
 * Constructors of values, one per operation, with shape checks and shape inference.
 *
 * Must stay true: every `Value` is made here, so that a program with inconsistent shapes cannot exist. A failed check
 * is a bug in the code that builds the program, hence a plain RangeError.
 */
import {
  type ElementType,
  type ElementwiseFunction,
  type Extent,
  elementwiseArity,
  type ReduceFunction,
  type Shape,
  type Value,
} from "./program.ts";

function check(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new RangeError(message());
}

const show = (shape: Shape): string => `[${shape.join(", ")}]`;

export function input(name: string, shape: Shape, type: ElementType): Value {
  return { operation: { kind: "input", name }, shape, type };
}

export function parameter(name: string, shape: Shape): Value {
  return { operation: { kind: "parameter", name }, shape, type: "real" };
}

export function constant(value: number, type: ElementType = "real"): Value {
  return { operation: { kind: "constant", value }, shape: [], type };
}

/** A constant tensor. @param name for display. @param values row-major. */
export function table(name: string, shape: readonly number[], values: Float32Array, type: ElementType): Value {
  const count = shape.reduce((product, extent) => product * extent, 1);
  check(values.length === count, () => `${values.length} values are no table of ${show(shape)}`);
  return { operation: { kind: "table", name, values }, shape, type };
}

/** Looks up rows of a `[rows, width]` table; the result is `[...indices, width]`. */
export function gather(table: Value, indices: Value): Value {
  check(table.shape.length === 2, () => `gather needs a table of two axes, not ${show(table.shape)}`);
  check(indices.type === "integer", () => "gather needs integer indices");
  const width = table.shape[1] as Extent;
  return { operation: { kind: "gather", table, indices }, shape: [...indices.shape, width], type: table.type };
}

/** Looks up elements of each row: `result[..., j] = operand[..., indices[..., j]]`. */
export function take(operand: Value, indices: Value): Value {
  const leading = operand.shape.slice(0, -1);
  check(indices.type === "integer", () => "take needs integer indices");
  check(
    indices.shape.length === operand.shape.length &&
      indices.shape.slice(0, -1).every((extent, axis) => extent === 1 || extent === leading[axis]),
    () => `take from ${show(operand.shape)} by indices ${show(indices.shape)}: the leading extents differ`,
  );
  const shape = [...leading, indices.shape.at(-1) as Extent];
  return { operation: { kind: "take", operand, indices }, shape, type: operand.type };
}

/** Aligned at the last axis; extents are equal or 1, as in NumPy. */
export function broadcastShapes(shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const extents = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((extent) => extent !== 1);
    check(new Set(extents).size <= 1, () => `shapes ${shapes.map(show).join(" and ")} do not broadcast`);
    return extents[0] ?? 1;
  });
}

/** Functions whose result is an integer if all operands are. */
const keepsIntegers: ReadonlySet<ElementwiseFunction> = new Set(["add", "subtract", "multiply", "maximum"]);

export function elementwise(name: ElementwiseFunction, ...operands: Value[]): Value {
  check(operands.length === elementwiseArity[name], () => `${name} takes ${elementwiseArity[name]} operands`);
  const shape = broadcastShapes(operands.map((operand) => operand.shape));
  const isInteger = keepsIntegers.has(name) && operands.every(({ type }) => type === "integer");
  return { operation: { kind: "elementwise", function: name, operands }, shape, type: isInteger ? "integer" : "real" };
}

export const add = (left: Value, right: Value): Value => elementwise("add", left, right);
export const subtract = (left: Value, right: Value): Value => elementwise("subtract", left, right);
export const multiply = (left: Value, right: Value): Value => elementwise("multiply", left, right);
export const divide = (left: Value, right: Value): Value => elementwise("divide", left, right);
export const maximum = (left: Value, right: Value): Value => elementwise("maximum", left, right);
export const exp = (operand: Value): Value => elementwise("exp", operand);
export const sqrt = (operand: Value): Value => elementwise("sqrt", operand);
export const erf = (operand: Value): Value => elementwise("erf", operand);
export const tanh = (operand: Value): Value => elementwise("tanh", operand);
export const equal = (left: Value, right: Value): Value => elementwise("equal", left, right);
export const less = (left: Value, right: Value): Value => elementwise("less", left, right);
export const select = (condition: Value, yes: Value, no: Value): Value => elementwise("select", condition, yes, no);

export function reduce(name: ReduceFunction, operand: Value): Value {
  check(operand.shape.length > 0, () => "reduce needs at least one axis");
  return {
    operation: { kind: "reduce", function: name, operand },
    shape: [...operand.shape.slice(0, -1), 1],
    type: "real",
  };
}

/** The sum of each row, as `[..., 1]`. */
export const sum = (operand: Value): Value => reduce("sum", operand);
/** The largest element of each row, as `[..., 1]`. */
export const max = (operand: Value): Value => reduce("max", operand);

/** `[..., m, k] × [..., k, n] → [..., m, n]`; leading axes that the right operand lacks share it, as in NumPy. */
export function matmul(left: Value, right: Value): Value {
  const [m, k] = left.shape.slice(-2);
  const [rightK, n] = right.shape.slice(-2);
  check(
    m !== undefined && n !== undefined && k !== undefined && k === rightK,
    () => `matmul of ${show(left.shape)} and ${show(right.shape)}: the inner extents differ`,
  );
  const leading = left.shape.slice(0, -2);
  check(
    show(right.shape.slice(0, -2)) === show(leading.slice(leading.length + 2 - right.shape.length)),
    () => `matmul of ${show(left.shape)} and ${show(right.shape)}: the leading extents differ`,
  );
  return { operation: { kind: "matmul", left, right }, shape: [...leading, m, n], type: "real" };
}

export function transpose(operand: Value, permutation: readonly number[]): Value {
  const sorted = [...permutation].sort((a, b) => a - b);
  check(
    sorted.length === operand.shape.length && sorted.every((axis, index) => axis === index),
    () => `[${permutation.join(", ")}] does not permute the axes of ${show(operand.shape)}`,
  );
  const shape = permutation.map((axis) => operand.shape[axis] as Extent);
  return { operation: { kind: "transpose", operand, permutation }, shape, type: operand.type };
}

export function reshape(operand: Value, shape: Shape): Value {
  check(
    sameCount(operand.shape, shape),
    () => `${show(operand.shape)} and ${show(shape)} differ in the number of elements`,
  );
  return { operation: { kind: "reshape", operand }, shape, type: operand.type };
}

function sameCount(left: Shape, right: Shape): boolean {
  const key = (shape: Shape): string => {
    const symbols = shape.filter((extent) => typeof extent === "string").sort();
    const known = shape.reduce<number>((count, extent) => (typeof extent === "number" ? count * extent : count), 1);
    return `${symbols.join("·")}·${known}`;
  };
  return key(left) === key(right);
}

/** Concatenates along `axis`, whose extents must be numbers; all other extents must be equal. */
export function concatenate(operands: readonly Value[], axis: number): Value {
  const [first] = operands;
  check(first !== undefined, () => "concatenate needs an operand");
  const others = (shape: Shape): string =>
    show(shape.map((extent, index) => (index === axis ? "_" : extent) as Extent));
  const total = operands.reduce((sum, { shape, type }) => {
    const extent = shape[axis];
    check(
      typeof extent === "number" && others(shape) === others(first.shape) && type === first.type,
      () => `concatenate of ${show(first.shape)} and ${show(shape)} along axis ${axis}`,
    );
    return sum + extent;
  }, 0);
  const shape = first.shape.map((extent, index) => (index === axis ? total : extent));
  return { operation: { kind: "concatenate", operands, axis }, shape, type: first.type };
}

export function slice(operand: Value, axis: number, start: number, end: number): Value {
  const extent = operand.shape[axis];
  check(
    typeof extent === "number" && 0 <= start && start < end && end <= extent,
    () => `slice ${start} to ${end} of axis ${axis} of ${show(operand.shape)}`,
  );
  const shape = operand.shape.map((old, index) => (index === axis ? end - start : old));
  return { operation: { kind: "slice", operand, axis, start, end }, shape, type: operand.type };
}
