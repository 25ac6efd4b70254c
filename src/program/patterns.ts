/**
 * Matches compound operations in a program of textbook operations: softmax, LayerNorm, GELU and dense layers. Engines
 * use the matches to choose one kernel for several operations, verification to replace them by deviations.
 *
 * A match is structural: it does not depend on names and shapes, and returns the operands of the compound operation.
 *
 * Must stay true: a match equals the compound operation for every input, including fully masked rows.
 */
import type { ElementwiseFunction, ReduceFunction, Value } from "./program.ts";

/** The operands of the elementwise function `name`; empty for any other value. */
export function elementwiseOperands(value: Value | undefined, name: ElementwiseFunction): readonly Value[] {
  const operation = value?.operation;
  return operation?.kind === "elementwise" && operation.function === name ? operation.operands : [];
}

/** The operands of a commutative function in both orders. */
function eitherOrder(value: Value | undefined, name: "add" | "multiply" | "maximum"): (readonly [Value, Value])[] {
  const [left, right] = elementwiseOperands(value, name);
  if (left === undefined || right === undefined) return [];
  return [
    [left, right],
    [right, left],
  ];
}

function reduced(value: Value | undefined, name: ReduceFunction): Value | undefined {
  const operation = value?.operation;
  return operation?.kind === "reduce" && operation.function === name ? operation.operand : undefined;
}

export function constantOf(value: Value | undefined): number | undefined {
  return value?.operation.kind === "constant" ? value.operation.value : undefined;
}

export function parameterName(value: Value | undefined): string | undefined {
  return value?.operation.kind === "parameter" ? value.operation.name : undefined;
}

/** Splits `maximum(x, constant)` into [x, constant]; any other value into [value, −∞]. */
function splitClamp(value: Value): readonly [Value, number] {
  for (const [clamped, bound] of eitherOrder(value, "maximum")) {
    const limit = constantOf(bound);
    if (limit !== undefined) return [clamped, limit];
  }
  return [value, Number.NEGATIVE_INFINITY];
}

export interface SoftmaxMatch {
  readonly scores: Value;
  /** The condition under which a score counts, if any. */
  readonly mask: Value | undefined;
}

/**
 * e / max(Σe, 1), with e = exp(x − max x): a softmax over the last axis. Where a mask is 0, x is the lowest number and
 * e is 0, so that a fully masked row gives zeros. Without a mask the clamp may be absent.
 */
export function matchSoftmax(value: Value): SoftmaxMatch | undefined {
  const [exponentials, divisor] = elementwiseOperands(value, "divide");
  if (exponentials === undefined || divisor === undefined) return undefined;
  const [total, minSum] = splitClamp(divisor);
  if (reduced(total, "sum") !== exponentials || minSum > 1) return undefined;
  const [mask, kept, dropped] = elementwiseOperands(exponentials, "select");
  const isMasked = mask !== undefined && constantOf(dropped) === 0;
  const [shifted] = elementwiseOperands(isMasked ? kept : exponentials, "exp");
  const [scores, largest] = elementwiseOperands(shifted, "subtract");
  if (scores === undefined || reduced(largest, "max") !== scores) return undefined;
  if (!isMasked) return { scores, mask: undefined };
  const [condition, counted, lowest] = elementwiseOperands(scores, "select");
  const isLowest = (constantOf(lowest) ?? 0) <= -1e38;
  return condition === mask && counted && isLowest && minSum > 0 ? { scores: counted, mask } : undefined;
}

export interface LayerNormMatch {
  readonly operand: Value;
  readonly weight: Value;
  readonly bias: Value;
  readonly epsilon: number;
}

/** (x − mean) / √(mean of (x − mean)² + ε) · weight + bias, over the last axis. */
export function matchLayerNorm(value: Value): LayerNormMatch | undefined {
  for (const [scaled, bias] of eitherOrder(value, "add")) {
    const match = matchScaledNorm(scaled);
    if (match && isVectorOf(bias, match.operand)) return { ...match, bias };
  }
  return undefined;
}

/** LayerNorm without bias. */
export function matchScaledNorm(value: Value): Omit<LayerNormMatch, "bias"> | undefined {
  for (const [normalized, weight] of eitherOrder(value, "multiply")) {
    const match = matchNormalized(normalized);
    if (match && isVectorOf(weight, match.operand)) return { ...match, weight };
  }
  return undefined;
}

function matchNormalized(value: Value): Pick<LayerNormMatch, "operand" | "epsilon"> | undefined {
  const [centered, deviation] = elementwiseOperands(value, "divide");
  const [operand, mean] = elementwiseOperands(centered, "subtract");
  if (centered === undefined || operand === undefined || meanOf(mean) !== operand) return undefined;
  const [radicand] = elementwiseOperands(deviation, "sqrt");
  for (const [variance, constant] of eitherOrder(radicand, "add")) {
    const epsilon = constantOf(constant);
    const squares = elementwiseOperands(meanOf(variance), "multiply");
    const areSquares = squares.length > 0 && squares.every((factor) => factor === centered);
    if (epsilon !== undefined && areSquares) return { operand, epsilon };
  }
  return undefined;
}

/** The operand x of Σx / n, where n is the extent of the reduced axis. */
export function meanOf(value: Value | undefined): Value | undefined {
  const [total, count] = elementwiseOperands(value, "divide");
  const operand = reduced(total, "sum");
  return operand !== undefined && constantOf(count) === operand.shape.at(-1) ? operand : undefined;
}

function isVectorOf(value: Value, rows: Value): boolean {
  return value.shape.length === 1 && value.shape[0] === rows.shape.at(-1);
}

export interface DenseMatch {
  readonly operand: Value;
  /** [outputs, inputs], as checkpoints store it. */
  readonly weight: Value;
  readonly bias: Value;
}

/** x Wᵀ + b with parameters W and b. */
export function matchDense(value: Value): DenseMatch | undefined {
  for (const [product, bias] of eitherOrder(value, "add")) {
    const match = bias.operation.kind === "parameter" ? matchLinear(product) : undefined;
    if (match && isVectorOf(bias, product)) return { ...match, bias };
  }
  return undefined;
}

/** A dense layer without bias. */
export function matchLinear({ operation }: Value): Omit<DenseMatch, "bias"> | undefined {
  if (operation.kind !== "matmul") return undefined;
  const { left, right } = operation;
  if (right.operation.kind !== "transpose" || right.shape.length !== 2) return undefined;
  const weight = right.operation.operand;
  return weight.operation.kind === "parameter" ? { operand: left, weight } : undefined;
}

/** The operand x of x/2 · (1 + erf(x/√2)). */
export function matchGelu(value: Value): Value | undefined {
  for (const [half, gate] of eitherOrder(value, "multiply")) {
    for (const [operand, factor] of eitherOrder(half, "multiply")) {
      if (constantOf(factor) !== 0.5) continue;
      for (const [one, error] of eitherOrder(gate, "add")) {
        const [argument] = elementwiseOperands(error, "erf");
        const [numerator, root] = elementwiseOperands(argument, "divide");
        if (constantOf(one) === 1 && numerator === operand && constantOf(root) === Math.SQRT2) return operand;
      }
    }
  }
  return undefined;
}

/** The operand x of x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))), as `geluTanh` writes it. */
export function matchGeluTanh(value: Value): Value | undefined {
  for (const [half, gate] of eitherOrder(value, "multiply")) {
    for (const [operand, factor] of eitherOrder(half, "multiply")) {
      if (constantOf(factor) !== 0.5) continue;
      for (const [one, angle] of eitherOrder(gate, "add")) {
        const [argument] = elementwiseOperands(angle, "tanh");
        if (constantOf(one) === 1 && cubicOf(argument) === operand) return operand;
      }
    }
  }
  return undefined;
}

/** The operand x of √(2/π) · (x + 0.044715 x³). */
function cubicOf(value: Value | undefined): Value | undefined {
  for (const [root, inner] of eitherOrder(value, "multiply")) {
    if (constantOf(root) !== Math.sqrt(2 / Math.PI)) continue;
    for (const [operand, scaled] of eitherOrder(inner, "add")) {
      for (const [cubed, factor] of eitherOrder(scaled, "multiply")) {
        const [square, third] = elementwiseOperands(cubed, "multiply");
        const squares = elementwiseOperands(square, "multiply");
        const isCube = third === operand && squares.length === 2 && squares.every((other) => other === operand);
        if (constantOf(factor) === 0.044715 && isCube) return operand;
      }
    }
  }
  return undefined;
}
