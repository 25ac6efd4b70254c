/**
 * The original: a layer with its parameters and inputs, computed in float64 or as an ordinary implementation of a lower
 * precision would.
 *
 * The *budget* of a stage is the relative L2 error of that ordinary implementation: float32 arithmetic, sums in order, every
 * stage stored in the candidate's precision. It is not a chosen tolerance, but the error that the precision itself causes.
 */
import type { ModelConfig } from "../../architectures/index.ts";
import { interpret } from "../../engines/reference/interpret.ts";
import { computeOrder } from "../../program/order.ts";
import type { Program } from "../../program/program.ts";
import { toFloat64 } from "../../tensor/half.ts";
import type { FloatDType, Tensor } from "../../tensor/tensor.ts";
import type { LayerInputs } from "./layer-inputs.ts";
import { type Precision, roundTo } from "./precision.ts";

export interface LayerUnderTest {
  readonly config: ModelConfig;
  readonly layer: number;
  /** The layer's parameters in float64, by canonical name. */
  readonly parameters: ReadonlyMap<string, Tensor<"f64">>;
  readonly inputs: LayerInputs;
}

/** Reads a program's parameters as float64. */
export async function readParameters(
  program: Program,
  read: (name: string) => Promise<Tensor<FloatDType>>,
): Promise<Map<string, Tensor<"f64">>> {
  const parameters = new Map<string, Tensor<"f64">>();
  for (const { operation } of computeOrder(program)) {
    if (operation.kind !== "parameter" || parameters.has(operation.name)) continue;
    const tensor = await read(operation.name);
    parameters.set(operation.name, { dtype: "f64", shape: tensor.shape, data: toFloat64(tensor) });
  }
  return parameters;
}

export interface ComputeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Computes as an ordinary implementation that stores the outputs in this precision; absent: in float64. */
  readonly precision?: Precision | undefined;
}

/** Computes a program's outputs by the interpreter. @param inputs only those that the program reads are required. */
export async function compute(
  program: Program,
  parameters: ReadonlyMap<string, Tensor>,
  inputs: ReadonlyMap<string, Tensor>,
  { signal, precision }: ComputeOptions = {},
): Promise<Map<string, Tensor<"f64">>> {
  const stored = new Set(program.outputs.values());
  return interpret(program, parameters, inputs, {
    ...(signal && { signal }),
    ...(precision && { lowered: { arithmetic: arithmeticOf(precision), stored, round: roundTo[precision] } }),
  });
}

/**
 * Accumulators are float32 in every precision. Below float32 their rounding is negligible compared with that of stored
 * stages, and imitating it would take three times as long.
 */
function arithmeticOf(precision: Precision): "f32" | "f64" {
  return precision === "f32" ? "f32" : "f64";
}

/** ‖candidate − original‖ / ‖original‖ over real elements; 0 if both are zero, infinite for NaN. */
export function relativeError(original: Tensor, candidate: Tensor, isReal?: (index: number) => boolean): number {
  const [wanted, found] = [toFloat64(original), toFloat64(candidate)];
  let [error, norm] = [0, 0];
  for (let index = 0; index < wanted.length; index++) {
    if (isReal && !isReal(index)) continue;
    const value = wanted[index] as number;
    const difference = (found[index] as number) - value;
    error += difference * difference;
    norm += value * value;
  }
  if (error === 0) return 0;
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.sqrt(error / norm);
}
