/**
 * Where else than at its own place a stage may be dumped: before or after its bias, activation, scale, mask, residual or
 * LayerNorm. A kernel that computes the original and stores a stage there is right.
 *
 * Must stay true: a point is a value of the layer's program (or a query or key times the scale), and its words say how it
 * differs from the stage.
 */
import { constant, multiply } from "../../program/build.ts";
import { computeOrder } from "../../program/order.ts";
import {
  constantOf,
  elementwiseOperands,
  matchGelu,
  matchGeluTanh,
  matchLayerNorm,
  matchScaledNorm,
  matchSoftmax,
  parameterName,
} from "../../program/patterns.ts";
import type { Program, Value } from "../../program/program.ts";

export interface DumpPoint {
  /** To follow "is dumped": `before the GELU`. */
  readonly words: string;
  readonly value: Value;
}

interface Step {
  readonly operand: Value;
  /** What the operation is, with its article. */
  readonly what: string;
}

/** @param stage the full name of one of the program's outputs. */
export function dumpPointsOf(program: Program, stage: string): DumpPoint[] {
  const value = program.outputs.get(stage);
  if (value === undefined) return [];
  return [...pointsBefore(value), ...pointsAfter(program, value), ...scaledPoints(program, stage, value)];
}

function pointsBefore(stage: Value): DumpPoint[] {
  const points: DumpPoint[] = [];
  const skipped: string[] = [];
  for (let step = lastStep(stage); step !== undefined; step = lastStep(step.operand)) {
    skipped.unshift(step.what);
    points.push({ words: `before ${skipped.join(" and ")}`, value: step.operand });
  }
  return points;
}

function pointsAfter(program: Program, stage: Value): DumpPoint[] {
  const steps = computeOrder(program).flatMap((value) => {
    const step = lastStep(value);
    return step === undefined ? [] : [{ ...step, value }];
  });
  const points: DumpPoint[] = [];
  const passed: string[] = [];
  // The last, because a LayerNorm without its bias is one as well.
  const stepFrom = (operand: Value) => steps.findLast((step) => step.operand === operand);
  let next = stepFrom(stage);
  while (next !== undefined) {
    const { value, what } = next;
    passed.push(what);
    points.push({ words: `after ${passed.join(" and ")}`, value });
    next = stepFrom(value);
  }
  return points;
}

/** The last operation that computes a value from one of the same shape. */
function lastStep(value: Value): Step | undefined {
  const norm = matchLayerNorm(value) ?? matchScaledNorm(value);
  if (norm) return { operand: norm.operand, what: "its LayerNorm" };
  const activated = matchGelu(value) ?? matchGeluTanh(value);
  if (activated) return { operand: activated, what: "the activation" };
  const softmax = matchSoftmax(value);
  if (softmax) return { operand: softmax.scores, what: "the softmax" };
  const [mask, kept, dropped] = elementwiseOperands(value, "select");
  if (mask && kept && constantOf(dropped) !== undefined) return { operand: kept, what: "the mask" };
  const [factor, scale] = elementwiseOperands(value, "multiply");
  if (factor && constantOf(scale) !== undefined) return { operand: factor, what: "the scale" };
  const [operand, added] = elementwiseOperands(value, "add");
  if (!operand || !added || operand.shape.join() !== value.shape.join()) return undefined;
  if (parameterName(added) !== undefined) return { operand, what: "its bias" };
  return { operand, what: value.shape.length === 4 ? "the bias of positions" : "the residual" };
}

/** Kernels fold the scale of the scores into the query, or its root into both query and key. */
function scaledPoints(program: Program, stage: string, value: Value): DumpPoint[] {
  if (!/\.(query|key)$/.test(stage)) return [];
  const scale = scaleOf(program);
  if (scale === undefined) return [];
  return [
    { words: "after the scores' scale", value: multiply(value, constant(scale)) },
    {
      words: "after the root of the scores' scale",
      value: multiply(value, constant(Math.sqrt(scale))),
    },
  ];
}

/** The factor of the products of queries and keys. */
function scaleOf(program: Program): number | undefined {
  for (const value of computeOrder(program)) {
    const [products, factor] = elementwiseOperands(value, "multiply");
    const scale = constantOf(factor);
    if (scale !== undefined && products?.operation.kind === "matmul" && value.shape.length === 4) return scale;
  }
  return undefined;
}
