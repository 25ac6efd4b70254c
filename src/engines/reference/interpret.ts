/**
 * The float64 interpreter of programs: the ground truth for every engine.
 *
 * It computes one operation after another in float64, slow and simple on purpose. A value's memory is released after
 * its last use.
 *
 * Must stay true: no operation is fused, reordered or approximated, and sums run in index order, so that a result
 * depends only on the program and its inputs.
 */
import { yieldToEventLoop } from "../../abortable.ts";
import { EngineError } from "../../errors.ts";
import { type Binding, bindInputs, bindShape, inputsOf } from "../../program/bind.ts";
import { computeOrder, lastUses } from "../../program/order.ts";
import type { Program, ReduceFunction, Value } from "../../program/program.ts";
import { toFloat64 } from "../../tensor/half.ts";
import { elementCount, type Tensor } from "../../tensor/tensor.ts";
import type { RunOptions } from "../engine.ts";
import { applyElementwise } from "./elementwise.ts";
import { type Arithmetic, multiplyMatrices } from "./matmul.ts";
import { broadcastTo, concatenated, contiguous, forEachRow, type Strided, toContiguous } from "./strided.ts";
import { applyView } from "./views.ts";

/** Called with the number of operations done and their total. */
export type OperationProgress = (done: number, total: number) => void;

/** Emulates a typical implementation in a lower precision. */
export interface LoweredPrecision {
  /** float32 rounds every operation, including each addition of a sum. */
  readonly arithmetic: Arithmetic;
  /** Values that are rounded by `round` when stored. */
  readonly stored: ReadonlySet<Value>;
  readonly round: (element: number) => number;
}

export interface InterpretOptions extends RunOptions {
  readonly onProgress?: OperationProgress;
  readonly lowered?: LoweredPrecision;
  /** Results of an earlier run with the same inputs and parameters, which are not recomputed. */
  readonly reuse?: ReadonlyMap<Value, Strided>;
  /** Receives every result, so that none is released. */
  readonly keep?: Map<Value, Strided>;
}

/**
 * Computes a program's outputs in float64.
 * @param parameters every parameter the program reads, by name.
 * @throws EngineError for inputs that are missing or have the wrong shape.
 */
export async function interpret(
  program: Program,
  parameters: ReadonlyMap<string, Tensor>,
  inputs: ReadonlyMap<string, Tensor>,
  { signal, onProgress, lowered, reuse = new Map(), keep }: InterpretOptions = {},
): Promise<Map<string, Tensor<"f64">>> {
  const order = computeOrder(program, reuse);
  const binding = bindInputs(inputsOf(computeOrder(program)), inputs);
  const released = lastUses(program, order);
  const results = new Map<Value, Strided>(reuse);
  for (const [position, value] of order.entries()) {
    await yieldInTime(signal);
    const computed = evaluate(value, {
      results,
      binding,
      parameters,
      inputs,
      arithmetic: lowered?.arithmetic ?? "f64",
    });
    const result = lowered ? inPrecision(value, computed, lowered) : computed;
    results.set(value, result);
    keep?.set(value, result);
    for (const dead of released[position] ?? []) results.delete(dead);
    onProgress?.(position + 1, order.length);
  }
  return new Map(
    [...program.outputs].map(([name, value]) => {
      const view = resultOf(results, value);
      return [name, { dtype: "f64", shape: view.shape, data: toContiguous(view) }];
    }),
  );
}

/** Between two turns of the event loop, in milliseconds: many small operations take less than the turn itself. */
const turnMs = 5;
let lastTurn = 0;

async function yieldInTime(signal: AbortSignal | undefined): Promise<void> {
  if (performance.now() - lastTurn >= turnMs) {
    await yieldToEventLoop(signal);
    lastTurn = performance.now();
  }
  signal?.throwIfAborted();
}

function inPrecision(value: Value, computed: Strided, { arithmetic, stored, round }: LoweredPrecision): Strided {
  if (stored.has(value)) return rounded(computed, round);
  if (arithmetic === "f64") return computed;
  const { kind } = value.operation;
  const isComputed = kind === "elementwise" || kind === "reduce" || kind === "matmul" || kind === "constant";
  return isComputed ? rounded(computed, Math.fround) : computed;
}

function rounded(view: Strided, round: (element: number) => number): Strided {
  const elements = toContiguous(view);
  const result = new Float64Array(elements.length);
  for (let index = 0; index < result.length; index++) result[index] = round(elements[index] as number);
  return contiguous(result, view.shape);
}

function resultOf(results: ReadonlyMap<Value, Strided>, value: Value): Strided {
  const result = results.get(value);
  if (result === undefined) throw new Error(`a ${value.operation.kind} was read before it was computed`);
  return result;
}

interface Evaluation {
  readonly results: ReadonlyMap<Value, Strided>;
  readonly binding: Binding;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly arithmetic: Arithmetic;
}

function evaluate(value: Value, { results, binding, parameters, inputs, arithmetic }: Evaluation): Strided {
  const shape = bindShape(value.shape, binding);
  const { operation } = value;
  switch (operation.kind) {
    case "input":
      return tensorNamed("input", operation.name, shape, inputs);
    case "parameter":
      return tensorNamed("parameter", operation.name, shape, parameters);
    case "constant":
      return contiguous(Float64Array.of(operation.value), shape);
    case "table":
      return contiguous(Float64Array.from(operation.values), shape);
    case "gather":
      return gatherRows(resultOf(results, operation.table), resultOf(results, operation.indices));
    case "take":
      return takeElements(resultOf(results, operation.operand), resultOf(results, operation.indices), shape);
    case "elementwise":
      return applyElementwise(
        operation.function,
        operation.operands.map((operand) => resultOf(results, operand)),
        shape,
      );
    case "reduce":
      return reduceRows(operation.function, resultOf(results, operation.operand), arithmetic);
    case "matmul":
      return multiplyMatrices(resultOf(results, operation.left), resultOf(results, operation.right), arithmetic);
    case "transpose":
    case "reshape":
    case "slice":
      return applyView(operation, resultOf(results, operation.operand), shape);
    case "concatenate":
      return concatenated(
        operation.operands.map((operand) => resultOf(results, operand)),
        operation.axis,
        shape,
      );
  }
}

function tensorNamed(
  kind: "input" | "parameter",
  name: string,
  shape: readonly number[],
  tensors: ReadonlyMap<string, Tensor>,
): Strided {
  const tensor = tensors.get(name);
  if (tensor === undefined || tensor.shape.join() !== shape.join()) {
    throw new EngineError({
      found: `the ${kind} ${name} is ${tensor === undefined ? "missing" : `[${tensor.shape.join(", ")}]`}`,
      expected: `[${shape.join(", ")}]`,
    });
  }
  return contiguous(toFloat64(tensor), shape);
}

function gatherRows(table: Strided, indices: Strided): Strided {
  const [count, width] = table.shape as [number, number];
  const rows = toContiguous(table);
  const rowIndices = toContiguous(indices);
  const out = new Float64Array(rowIndices.length * width);
  rowIndices.forEach((index, position) => {
    if (!(index >= 0 && index < count)) throw badIndex(index, count);
    out.set(rows.subarray(index * width, (index + 1) * width), position * width);
  });
  return contiguous(out, [...indices.shape, width]);
}

function takeElements(view: Strided, indices: Strided, shape: readonly number[]): Strided {
  const out = new Float64Array(elementCount(shape));
  const count = view.shape.at(-1) as number;
  const width = shape.at(-1) as number;
  const everyIndex = broadcastTo(indices, shape);
  // Rows of the operand and of the indices differ in length: only their offsets are needed.
  const rows = { ...view, shape: [...view.shape.slice(0, -1), width] };
  const [step, indexStep] = [view.strides.at(-1) as number, everyIndex.strides.at(-1) as number];
  forEachRow([rows, everyIndex], (row, offsets) => {
    const [from, indexFrom] = offsets as [number, number];
    for (let column = 0; column < width; column++) {
      const index = everyIndex.data[indexFrom + column * indexStep] as number;
      if (!(index >= 0 && index < count)) throw badIndex(index, count);
      out[row * width + column] = view.data[from + index * step] as number;
    }
  });
  return contiguous(out, shape);
}

function badIndex(index: number, count: number): EngineError {
  return new EngineError({ found: `an index is ${index}`, expected: `0 to ${count - 1}, the rows of its table` });
}

function reduceRows(name: ReduceFunction, view: Strided, arithmetic: Arithmetic): Strided {
  const round = arithmetic === "f32" ? Math.fround : (value: number) => value;
  const shape = [...view.shape.slice(0, -1), 1];
  const width = view.shape.at(-1) as number;
  const stride = view.strides.at(-1) as number;
  const out = new Float64Array(elementCount(shape));
  const { data } = view;
  forEachRow([view], (row, offsets) => {
    const start = offsets[0] as number;
    let total = name === "sum" ? 0 : Number.NEGATIVE_INFINITY;
    for (let column = 0; column < width; column++) {
      const element = data[start + column * stride] as number;
      total = name === "sum" ? round(total + element) : Math.max(total, element);
    }
    out[row] = total;
  });
  return contiguous(out, shape);
}
