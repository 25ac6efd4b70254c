/**
 * Attention as one kernel: scores, softmax and the weighted sum, with an online softmax (Milakov and Gimelshein, 2018;
 * Dao et al., 2022), so that the scores, quadratic in the sequence's length, are never stored.
 *
 * Matches matmul(softmax(f(matmul(q, kᵀ))), v) with any elementwise f (scale, mask). Scores and probabilities that are
 * outputs are written by the same kernel. Does not apply if another value inside is an output or read outside, or to heads
 * wider than 128.
 */
import { computeOrder, consumersOf } from "../program/order.ts";
import { matchSoftmax } from "../program/patterns.ts";
import { operandsOf, type Value } from "../program/program.ts";
import { Merging } from "./merging.ts";
import { type Attention, type Kernel, keptValues, type Schedule } from "./schedule.ts";

/** Wider queries, keys and values exceed a kernel's registers and workgroup memory. */
const maxHeadSize = 128;

export function fuseAttention(schedule: Schedule): Schedule {
  const { program } = schedule;
  const order = computeOrder(program);
  const consumers = consumersOf(order);
  const kept = keptValues(program);
  const merging = new Merging(schedule);
  for (const value of order) {
    const attention = matchAttention(value);
    if (attention === undefined) continue;
    const inside = order.filter(isInside(attention));
    const mayBeKept = new Set([attention.scores, attention.probabilities, attention.context]);
    const isClosed = inside.every((member) => {
      const readInside = (consumers.get(member) ?? []).every((consumer) => inside.includes(consumer));
      return member === attention.context || (readInside && (!kept.has(member) || mayBeKept.has(member)));
    });
    if (!isClosed) continue;
    mergeAll(merging, inside, attention);
    unstorePairs(merging, attention);
  }
  return merging.finish();
}

function matchAttention(context: Value): Attention | undefined {
  const { operation } = context;
  if (operation.kind !== "matmul" || operation.left.shape.length < 3) return undefined;
  const softmax = matchSoftmax(operation.left);
  const products = softmax && productsUnder(softmax.scores);
  if (softmax === undefined || products?.operation.kind !== "matmul") return undefined;
  const sizes = [products.operation.left.shape.at(-1), context.shape.at(-1)];
  if (sizes.some((size) => typeof size !== "number" || size > maxHeadSize)) return undefined;
  return { products, ...softmax, probabilities: operation.left, context };
}

/** The only matmul from which the scores are computed elementwise. */
function productsUnder(scores: Value): Value | undefined {
  const found = new Set<Value>();
  const pending = [scores];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const { operation } = value;
    if (operation.kind === "matmul") found.add(value);
    if (operation.kind !== "elementwise") continue;
    pending.push(...operation.operands.filter(({ shape }) => shape.join() === scores.shape.join()));
  }
  return found.size === 1 ? [...found][0] : undefined;
}

/** The values from the products to the context, both included. */
function isInside({ products, context }: Attention): (value: Value) => boolean {
  const inside = new Set(computeOrder({ outputs: new Map([["context", context]]) }, new Set([products])));
  const dependent = new Set<Value>([products]);
  for (const value of inside) {
    if (operandsOf(value.operation).some((operand) => dependent.has(operand))) dependent.add(value);
  }
  return (value) => dependent.has(value);
}

function mergeAll(merging: Merging, inside: readonly Value[], attention: Attention): void {
  const template = { kind: "attention", attention } as const;
  let merged: Kernel | undefined = merging.writerOf(attention.products);
  for (const value of inside) {
    const next = merging.writerOf(value);
    if (merged && next && next !== merged) merged = merging.merge(merged, next, template);
  }
}

/**
 * What is computed elementwise or looked up for each pair of positions is recomputed by its readers: masks, windows, biases by
 * distance, DeBERTa's products with positions. Each is as large as the scores.
 */
function unstorePairs(merging: Merging, { context }: Attention): void {
  for (;;) {
    const kernel = merging.writerOf(context);
    const pairs = kernel && merging.readsOf(kernel).find((value) => isOfPairs(value) && isElementwise(merging, value));
    if (pairs === undefined) return;
    merging.unstore(pairs);
  }
}

/** Whether a value has both queries and keys among its axes. */
const isOfPairs = ({ shape }: Value): boolean =>
  shape.filter((extent) => typeof extent === "string" && extent !== "batch").length > 1;

function isElementwise(merging: Merging, value: Value): boolean {
  return merging.writerOf(value)?.template.kind === "elementwise" && !merging.isKept(value);
}
