/**
 * The original: a layer with its parameters and inputs, computed in float64, and what an ordinary implementation of a
 * lower precision makes of it.
 *
 * The *budget* of a stage is the relative L2 error of that ordinary implementation: float32 arithmetic throughout, sums
 * added up in order, every stage stored in the candidate's precision. It is no tolerance somebody chose: it is what the
 * precision costs when nothing is done wrong.
 */
import type { BertConfig } from "../../architectures/bert/config.ts";
import { interpret } from "../../engines/reference/interpret.ts";
import { computeOrder } from "../../program/order.ts";
import type { Program } from "../../program/program.ts";
import { toFloat64 } from "../../tensor/half.ts";
import type { FloatDType, Tensor } from "../../tensor/tensor.ts";
import type { LayerInputs } from "./layer-inputs.ts";
import { type Precision, roundTo } from "./precision.ts";

export interface Subject {
  readonly config: BertConfig;
  readonly layer: number;
  /** The layer's parameters in float64, by canonical name. */
  readonly parameters: ReadonlyMap<string, Tensor<"f64">>;
  readonly inputs: LayerInputs;
}

/** The parameters a program reads, as float64. */
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
  /** Compute as an ordinary implementation of this precision would, which stores the outputs; absent: in float64. */
  readonly precision?: Precision | undefined;
}

/** A program's outputs by the interpreter; only the inputs it reads need to be there. */
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
 * Accumulators are float32 in every precision. Below float32 their rounding disappears beside that of what is stored, and
 * computing it would take three times as long.
 */
function arithmeticOf(precision: Precision): "f32" | "f64" {
  return precision === "f32" ? "f32" : "f64";
}

/** ‖candidate − original‖ / ‖original‖ over the elements that count; 0 when both are zero, infinite for NaN. */
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
