/**
 * The layers of transformers as textbook operations: dense, LayerNorm, masked softmax, GELU.
 *
 * Must stay true: a masked position never reaches an exponent, and a fully masked row gives zeros, not NaN.
 */
import {
  add,
  constant,
  divide,
  erf,
  exp,
  matmul,
  max,
  maximum,
  multiply,
  parameter,
  select,
  sqrt,
  subtract,
  sum,
  tanh,
  transpose,
} from "./build.ts";
import type { Value } from "./program.ts";

/**
 * A dense layer, `x Wᵀ + b`, with the weight stored as [outputs, inputs].
 * @param name of the layer: its parameters are `name.weight` and `name.bias`.
 */
export function dense(operand: Value, name: string, inputs: number, outputs: number): Value {
  return add(linear(operand, name, inputs, outputs), parameter(`${name}.bias`, [outputs]));
}

/** A dense layer without bias, `x Wᵀ`. */
export function linear(operand: Value, name: string, inputs: number, outputs: number): Value {
  return matmul(operand, transpose(parameter(`${name}.weight`, [outputs, inputs]), [1, 0]));
}

/** The lowest finite float32. Not −∞, because WGSL does not guarantee infinities. */
export const minFloat32 = -3.4028234663852886e38;

/**
 * Softmax over the unmasked keys: e^(s − max) / Σ e^(s − max). The largest term is e⁰ = 1, so the sum is at least 1 if
 * any key is unmasked; `maximum(sum, 1)` therefore only affects fully masked rows, where it turns 0/0 into 0.
 */
export function maskedSoftmax(scores: Value, keyMask: Value): Value {
  const masked = select(keyMask, scores, constant(minFloat32));
  const exponentials = select(keyMask, exp(subtract(masked, max(masked))), constant(0));
  return divide(exponentials, maximum(sum(exponentials), constant(1)));
}

/**
 * LayerNorm (Ba et al., 2016) over the last axis, whose extent must be a number. The variance is the mean of squared
 * deviations, never E[x²] − E[x]².
 * @param name of the layer: its parameters are `name.weight` and `name.bias`.
 */
export function layerNorm(operand: Value, epsilon: number, name: string): Value {
  const size = Number(operand.shape.at(-1));
  return add(scaledNorm(operand, epsilon, name), parameter(`${name}.bias`, [size]));
}

/** LayerNorm without bias. */
export function scaledNorm(operand: Value, epsilon: number, name: string): Value {
  const size = Number(operand.shape.at(-1));
  const width = constant(size);
  const centered = subtract(operand, divide(sum(operand), width));
  const variance = divide(sum(multiply(centered, centered)), width);
  const normalized = divide(centered, sqrt(add(variance, constant(epsilon))));
  return multiply(normalized, parameter(`${name}.weight`, [size]));
}

/** GELU (Hendrycks and Gimpel, 2016): x/2 · (1 + erf(x/√2)), not its tanh approximation. */
export function gelu(operand: Value): Value {
  const half = multiply(operand, constant(0.5));
  return multiply(half, add(constant(1), erf(divide(operand, constant(Math.SQRT2)))));
}

/** The tanh approximation of GELU (`gelu_new`): x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))). Right in ALBERT. */
export function geluTanh(operand: Value): Value {
  const cubed = multiply(multiply(operand, operand), operand);
  const inner = multiply(constant(Math.sqrt(2 / Math.PI)), add(operand, multiply(constant(0.044715), cubed)));
  return multiply(multiply(operand, constant(0.5)), add(constant(1), tanh(inner)));
}
