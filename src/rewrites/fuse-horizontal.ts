/**
 * Horizontal fusion: independent matmuls that share their left operand become one.
 *
 * `x·A` and `x·B` are slices of `x·[A B]`: the operand is read once, and one large matmul fills a device that two small ones
 * do not. BERT's query, key and value are such matmuls, but nothing here knows their names: the analysis looks for
 * weights that depend on parameters alone and meet the same operand. What then happens alike to every slice, such as
 * adding a bias, happens to the whole: `[xA+a, xB+b] = [xA xB] + [a b]`.
 *
 * Does not apply to right operands that are computed from inputs, or that have leading axes.
 */
import { concatenate, elementwise, matmul, slice, transpose } from "../program/build.ts";
import { computeOrder, consumersOf } from "../program/order.ts";
import type { ElementwiseFunction, Program, Value } from "../program/program.ts";
import { constantValues } from "../program/views.ts";
import { rewrite } from "./rewrite.ts";

export function fuseHorizontally(program: Program): Program {
  let fused = joinMatmuls(program);
  for (let next = joinConsumers(fused); next !== fused; next = joinConsumers(fused)) fused = next;
  return fused;
}

interface Matmul {
  readonly value: Value;
  readonly left: Value;
  readonly right: Value;
}

function joinMatmuls(program: Program): Program {
  const constants = constantValues(program);
  const byLeft = new Map<Value, Matmul[]>();
  for (const value of computeOrder(program)) {
    const { operation } = value;
    if (operation.kind !== "matmul" || constants.has(operation.left)) continue;
    const { left, right } = operation;
    if (!constants.has(right) || right.shape.length !== 2) continue;
    byLeft.set(left, [...(byLeft.get(left) ?? []), { value, left, right }]);
  }
  const groups = [...byLeft.values()].filter((group) => group.length > 1);
  const groupOf = new Map(groups.flatMap((group) => group.map(({ value }) => [value, group])));
  const joined = new Map<readonly Matmul[], Value>();
  return rewrite(program, (value, original) => {
    const group = groupOf.get(original);
    if (group === undefined || value.operation.kind !== "matmul") return value;
    // Weights are constants, which no rule replaces; the operand they share is replaced alike in all of them.
    const whole = joined.get(group) ?? matmul(value.operation.left, beside(group.map(({ right }) => right)));
    joined.set(group, whole);
    return slicesOf(
      whole,
      group.map(({ value: member }) => member),
    )[group.findIndex((m) => m.value === original)] as Value;
  });
}

/** Weights side by side. A checkpoint has them as rows of [outputs, inputs], transposed: then rows follow rows. */
function beside(weights: readonly Value[]): Value {
  const rows = weights.map(({ operation }) => {
    return operation.kind === "transpose" && operation.permutation.join() === "1,0" ? operation.operand : undefined;
  });
  return rows.every((row) => row !== undefined) ? transpose(concatenate(rows, 0), [1, 0]) : concatenate(weights, 1);
}

/** Slices of the last axis, as wide as the values they stand for. */
function slicesOf(whole: Value, parts: readonly Value[]): Value[] {
  let start = 0;
  return parts.map(({ shape }) => {
    const end = start + (shape.at(-1) as number);
    const part = slice(whole, whole.shape.length - 1, start, end);
    start = end;
    return part;
  });
}

/** What an elementwise function does to one slice. */
interface Consumer {
  readonly value: Value;
  readonly function: ElementwiseFunction;
  /** Which operand the slice is. */
  readonly position: number;
  /** The other operands: vectors as wide as the slice. */
  readonly vectors: readonly Value[];
}

/** Moves one function from all slices of a value to the value. */
function joinConsumers(program: Program): Program {
  const order = computeOrder(program);
  const consumers = consumersOf(order);
  const constants = constantValues(program);
  const kept = new Set(program.outputs.values());
  for (const whole of order) {
    const slices = wholeSlices(whole, consumers.get(whole) ?? []);
    if (slices === undefined || kept.has(whole) || slices.some((part) => kept.has(part))) continue;
    const group = slices.map((part) => onlyConsumer(part, consumers.get(part) ?? [], constants));
    if (!alike(group)) continue;
    const [first] = group;
    const vectors = (first?.vectors ?? []).map((_, index) =>
      concatenate(
        group.map((consumer) => consumer.vectors[index] as Value),
        0,
      ),
    );
    const operands = [...vectors.slice(0, first?.position), whole, ...vectors.slice(first?.position)];
    const joined = elementwise(first?.function ?? "add", ...operands);
    const replacements = new Map(group.map(({ value }, index) => [value, slicesOf(joined, slices)[index] as Value]));
    return rewrite(program, (value, original) => replacements.get(original) ?? value);
  }
  return program;
}

/** The slices in order, if they are all that reads the value and together are the whole of it. */
function wholeSlices(whole: Value, readers: readonly Value[]): Value[] | undefined {
  const axis = whole.shape.length - 1;
  const slices = readers
    .flatMap((value) => (value.operation.kind === "slice" && value.operation.axis === axis ? [value] : []))
    .sort((a, b) => startOf(a) - startOf(b));
  let end = 0;
  for (const part of slices) {
    if (startOf(part) !== end) return undefined;
    end += part.shape.at(-1) as number;
  }
  return slices.length > 1 && slices.length === readers.length && end === whole.shape.at(-1) ? slices : undefined;
}

const startOf = ({ operation }: Value): number => (operation.kind === "slice" ? operation.start : 0);

function onlyConsumer(part: Value, readers: readonly Value[], constants: ReadonlySet<Value>): Consumer | undefined {
  const [value] = readers;
  if (readers.length !== 1 || value?.operation.kind !== "elementwise") return undefined;
  const { function: name, operands } = value.operation;
  const position = operands.indexOf(part);
  const vectors = operands.filter((operand) => operand !== part);
  const isVector = (vector: Value): boolean => vector.shape.length === 1 && vector.shape[0] === part.shape.at(-1);
  const fits = vectors.length === operands.length - 1 && vectors.every((v) => constants.has(v) && isVector(v));
  return fits && value.shape.join() === part.shape.join() ? { value, function: name, position, vectors } : undefined;
}

function alike(group: (Consumer | undefined)[]): group is Consumer[] {
  const [first] = group;
  return group.every((c) => c !== undefined && c.function === first?.function && c.position === first.position);
}
