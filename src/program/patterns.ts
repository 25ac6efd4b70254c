/**
 * Recognises, in a program of textbook operations, the compound operations everybody has a name for: softmax,
 * LayerNorm, GELU and the dense layer. Engines use it to choose one kernel for many operations, verification to ask what a
 * kernel does instead.
 *
 * A match is structural: it holds for any names and shapes, and says what the compound operation's operands are.
 *
 * Must stay true: a match is the same function as the compound operation for every input, fully masked rows included.
 */
import type { ElementwiseFunction, ReduceFunction, Value } from "./program.ts";

/** The operands of an elementwise function of that name; none for any other value. */
export function elementwiseOperands(value: Value | undefined, name: ElementwiseFunction): readonly Value[] {
  const operation = value?.operation;
  return operation?.kind === "elementwise" && operation.function === name ? operation.operands : [];
}

/** The two operands in both orders, for functions that commute. */
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

/** The number that a value is, if it is a constant. */
export function constantOf(value: Value | undefined): number | undefined {
  return value?.operation.kind === "constant" ? value.operation.value : undefined;
}

/** The name of a parameter. */
export function parameterName(value: Value | undefined): string | undefined {
  return value?.operation.kind === "parameter" ? value.operation.name : undefined;
}

/** `maximum(x, constant)` as [x, constant]; a value without such a clamp as [value, -∞]. */
function withoutClamp(value: Value): readonly [Value, number] {
  for (const [clamped, bound] of eitherOrder(value, "maximum")) {
    const limit = constantOf(bound);
    if (limit !== undefined) return [clamped, limit];
  }
  return [value, Number.NEGATIVE_INFINITY];
}

export interface SoftmaxMatch {
  readonly scores: Value;
  /** Present where there is one: the condition under which a score counts. */
  readonly mask: Value | undefined;
}

/**
 * e / max(Σe, 1), with e = exp(x − max x): a softmax over the last axis. With a mask, x is the lowest number and e is 0
 * where the mask is 0, so that a row with everything masked gives zeros. Without one the clamp may be absent.
 */
export function matchSoftmax(value: Value): SoftmaxMatch | undefined {
  const [exponentials, divisor] = elementwiseOperands(value, "divide");
  if (exponentials === undefined || divisor === undefined) return undefined;
  const [total, smallestSum] = withoutClamp(divisor);
  if (reduced(total, "sum") !== exponentials || smallestSum > 1) return undefined;
  const [mask, kept, dropped] = elementwiseOperands(exponentials, "select");
  const isMasked = mask !== undefined && constantOf(dropped) === 0;
  const [shifted] = elementwiseOperands(isMasked ? kept : exponentials, "exp");
  const [scores, largest] = elementwiseOperands(shifted, "subtract");
  if (scores === undefined || reduced(largest, "max") !== scores) return undefined;
  if (!isMasked) return { scores, mask: undefined };
  const [condition, counted, lowest] = elementwiseOperands(scores, "select");
  const isLowest = (constantOf(lowest) ?? 0) <= -1e38;
  return condition === mask && counted && isLowest && smallestSum > 0 ? { scores: counted, mask } : undefined;
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
    for (const [normalized, weight] of eitherOrder(scaled, "multiply")) {
      const match = matchNormalized(normalized);
      if (match && isVectorOf(weight, match.operand) && isVectorOf(bias, match.operand)) {
        return { ...match, weight, bias };
      }
    }
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

/** The operand of Σx / n, n being the extent of the axis summed over. */
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
    if (product.operation.kind !== "matmul" || bias.operation.kind !== "parameter") continue;
    const { left, right } = product.operation;
    if (right.operation.kind !== "transpose" || right.shape.length !== 2 || !isVectorOf(bias, product)) continue;
    const weight = right.operation.operand;
    if (weight.operation.kind === "parameter") return { operand: left, weight, bias };
  }
  return undefined;
}

/** x/2 · (1 + erf(x/√2)): the operand x. */
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
