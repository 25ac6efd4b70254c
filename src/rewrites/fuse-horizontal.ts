/**
 * Horizontal fusion: independent matmuls with the same left operand become one.
 *
 * `x·A` and `x·B` are slices of `x·[A B]`: the operand is read once, and one large matmul fills a device better than
 * two small ones. BERT's query, key and value are such matmuls, but matching does not use names: it groups matmuls by
 * left operand whose weights depend only on parameters. An elementwise function that is the same for every slice, such
 * as adding a bias, is then applied to the fused matmul: `[xA+a, xB+b] = [xA xB] + [a b]`.
 *
 * Does not apply to right operands that are computed from inputs or have leading axes.
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
    // No rule replaces the constant weights; the shared operand is replaced equally in all matmuls of the group.
    const fused = joined.get(group) ?? matmul(value.operation.left, joinWeights(group.map(({ right }) => right)));
    joined.set(group, fused);
    return slicesOf(
      fused,
      group.map(({ value: member }) => member),
    )[group.findIndex((m) => m.value === original)] as Value;
  });
}

/** Concatenates weights by columns: for transposed [outputs, inputs] parameters, by rows under the transpose. */
function joinWeights(weights: readonly Value[]): Value {
  const rows = weights.map(({ operation }) => {
    return operation.kind === "transpose" && operation.permutation.join() === "1,0" ? operation.operand : undefined;
  });
  return rows.every((row) => row !== undefined) ? transpose(concatenate(rows, 0), [1, 0]) : concatenate(weights, 1);
}

/** Consecutive slices of the last axis, as wide as the values they replace. */
function slicesOf(fused: Value, replaced: readonly Value[]): Value[] {
  let end = 0;
  return replaced.map(({ shape }) => {
    const start = end;
    end += shape.at(-1) as number;
    return slice(fused, fused.shape.length - 1, start, end);
  });
}

/** An elementwise function of one slice. */
interface Consumer {
  readonly value: Value;
  readonly function: ElementwiseFunction;
  /** Index of the slice among the operands. */
  readonly position: number;
  /** The other operands: vectors as wide as the slice. */
  readonly vectors: readonly Value[];
}

/** Moves one elementwise function from all slices of a value to the value. */
function joinConsumers(program: Program): Program {
  const order = computeOrder(program);
  const consumers = consumersOf(order);
  const constants = constantValues(program);
  const kept = new Set(program.outputs.values());
  for (const sliced of order) {
    const slices = partitionOf(sliced, consumers.get(sliced) ?? []);
    if (slices === undefined || kept.has(sliced) || slices.some((part) => kept.has(part))) continue;
    const group = slices.map((part) => onlyConsumer(part, consumers.get(part) ?? [], constants));
    if (!areSameFunction(group)) continue;
    const [first] = group;
    const vectors = (first?.vectors ?? []).map((_, index) =>
      concatenate(
        group.map((consumer) => consumer.vectors[index] as Value),
        0,
      ),
    );
    const operands = [...vectors.slice(0, first?.position), sliced, ...vectors.slice(first?.position)];
    const joined = elementwise(first?.function ?? "add", ...operands);
    const replacements = new Map(group.map(({ value }, index) => [value, slicesOf(joined, slices)[index] as Value]));
    return rewrite(program, (value, original) => replacements.get(original) ?? value);
  }
  return program;
}

/** The slices in order, if they partition the value and nothing else reads it. */
function partitionOf(sliced: Value, readers: readonly Value[]): Value[] | undefined {
  const axis = sliced.shape.length - 1;
  const slices = readers
    .flatMap((value) => (value.operation.kind === "slice" && value.operation.axis === axis ? [value] : []))
    .sort((a, b) => startOf(a) - startOf(b));
  let end = 0;
  for (const part of slices) {
    if (startOf(part) !== end) return undefined;
    end += part.shape.at(-1) as number;
  }
  return slices.length > 1 && slices.length === readers.length && end === sliced.shape.at(-1) ? slices : undefined;
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

function areSameFunction(group: (Consumer | undefined)[]): group is Consumer[] {
  const [first] = group;
  return group.every((c) => c !== undefined && c.function === first?.function && c.position === first.position);
}
