/**
 * Instruction selection: the ONNX operators that compute a value.
 *
 * Textbook operations that form a compound operator (softmax, LayerNormalization, Gelu, Gemm, MultiHeadAttention) become that
 * operator, for which ONNX Runtime has one tuned kernel. Every other operation becomes the operator of the same name.
 *
 * Must stay true: everything the interpreter runs has an instruction here or gives a clear error, and an instruction
 * reads only earlier values of the program.
 */

import { type AttentionMatch, matchAttention } from "../../program/attention-pattern.ts";
import { minFloat32 } from "../../program/layers.ts";
import {
  type DenseMatch,
  type LayerNormMatch,
  matchDense,
  matchGelu,
  matchGeluTanh,
  matchLayerNorm,
  matchLinear,
  matchScaledNorm,
  matchSoftmax,
  type SoftmaxMatch,
} from "../../program/patterns.ts";
import type { ElementType, ElementwiseFunction, Extent, Shape, Value } from "../../program/program.ts";
import { type OnnxAttribute, type OnnxValueInfo, type OnnxWeight, onnxType } from "./graph.ts";

/** Receives the nodes of instructions; every method returns the name of the new tensor. */
export interface Emitter {
  /** Emits the last node of an instruction, which computes its value. */
  result(operator: string, inputs: readonly string[], attributes?: Readonly<Record<string, OnnxAttribute>>): string;
  /** Emits any other node. */
  intermediate(
    operator: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
  ): string;
  input(info: OnnxValueInfo): string;
  scalar(value: number): string;
  /** A whole number, in the type of the program's integers. */
  integer(value: number): string;
  /** A constant tensor of the program. */
  table(name: string, value: Value): string;
  /** An int64 vector, for shapes and axes. */
  integers(values: readonly number[]): string;
  /** An int64 vector of extents that may be dynamic. */
  extents(shape: readonly Extent[]): string;
  weight(weight: OnnxWeight): string;
}

type Optional<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;

export interface Instruction {
  readonly reads: readonly Value[];
  /** Emits the nodes, given the names of `reads`; returns the name of the result. */
  readonly emit: (emitter: Emitter, names: readonly string[]) => string;
  /**
   * What may be a matrix of rows, [batch * sequence, hidden], in place of [batch, sequence, hidden] (`lower.ts`): of a
   * product the first operand and the result are; what works alike takes and gives what it gets; a view takes either.
   */
  readonly rows?: "product" | "alike" | "view";
}

const elementwiseOperators: Readonly<Record<Exclude<ElementwiseFunction, "select" | "equal" | "less">, string>> = {
  add: "Add",
  subtract: "Sub",
  multiply: "Mul",
  divide: "Div",
  maximum: "Max",
  exp: "Exp",
  sqrt: "Sqrt",
  erf: "Erf",
  tanh: "Tanh",
};

/** A choice of ONNX operators for one kind of runtime. */
export interface Dialect {
  /** Version of the operator set. */
  readonly opset: number;
  /** The type of inputs and arithmetic on ids and positions. */
  readonly integers: typeof onnxType.int32 | typeof onnxType.int64;
  readonly choose: (value: Value) => Instruction;
}

/** The operators that are fastest in ONNX Runtime, its own among them. Gelu needs opset 20, LayerNormalization 17. */
export const runtimeDialect: Dialect = { opset: 20, integers: onnxType.int32, choose: chooseInstruction };

function chooseInstruction(value: Value): Instruction {
  const softmaxMatch = matchSoftmax(value);
  if (softmaxMatch) return softmax(softmaxMatch);
  const layerNormMatch = matchLayerNorm(value) ?? matchScaledNorm(value);
  if (layerNormMatch) return layerNorm(layerNormMatch);
  const geluOperand = matchGelu(value);
  if (geluOperand) return gelu(geluOperand);
  const tanhOperand = matchGeluTanh(value);
  if (tanhOperand) return gelu(tanhOperand, { approximate: { string: "tanh" } });
  const denseMatch = matchDense(value) ?? matchLinear(value);
  if (denseMatch) return dense(denseMatch);
  const attentionMatch = matchAttention(value);
  if (attentionMatch) return attention(attentionMatch);
  return textbook(value);
}

/** Gemm includes the bias and reads the weight as stored, without a transpose. It takes only matrices. */
function dense({ operand, weight: matrix, bias }: Optional<DenseMatch, "bias">): Instruction {
  const reads = [operand, matrix, ...(bias ? [bias] : [])];
  return { ...simple("Gemm", reads, { transB: { int: 1 } }), rows: "product" };
}

function simple(
  operator: string,
  reads: readonly Value[],
  attributes?: Readonly<Record<string, OnnxAttribute>>,
): Instruction {
  return { reads, emit: (emitter, names) => emitter.result(operator, names, attributes) };
}

const gelu = (operand: Value, attributes?: Readonly<Record<string, OnnxAttribute>>): Instruction => ({
  ...simple("Gelu", [operand], attributes),
  rows: "alike",
});

/** Selects the ONNX operator of the same name. */
export function textbook(value: Value): Instruction {
  const { operation, shape } = value;
  switch (operation.kind) {
    case "input": {
      const type = value.type === "integer" ? onnxType.int32 : onnxType.float;
      return { reads: [], emit: (emitter) => emitter.input({ name: operation.name, type, shape }) };
    }
    case "parameter":
      return weight(operation.name, shape, false);
    case "constant":
      return {
        reads: [],
        emit: (emitter) =>
          value.type === "integer" ? emitter.integer(operation.value) : emitter.scalar(operation.value),
      };
    case "table":
      return { reads: [], emit: (emitter) => emitter.table(operation.name, value) };
    case "take":
      return take(operation.operand, operation.indices, shape);
    case "gather":
      return simple("Gather", [operation.table, operation.indices]);
    case "elementwise":
      if (operation.function === "select") return select(operation.operands);
      if (operation.function === "equal") return compare("Equal", operation.operands);
      if (operation.function === "less") return compare("Less", operation.operands);
      return elementwise(elementwiseOperators[operation.function], operation.operands, value.type);
    case "reduce":
      return reduce(operation.function === "sum" ? "ReduceSum" : "ReduceMax", operation.operand);
    case "matmul":
      return simple("MatMul", [operation.left, operation.right]);
    case "transpose": {
      const { operand, permutation } = operation;
      const isWeight = operand.operation.kind === "parameter" && permutation.length === 2 && permutation[0] === 1;
      if (isWeight) return weight(operand.operation.name, shape, true);
      return simple("Transpose", [operand], { perm: { ints: permutation } });
    }
    case "reshape":
      return reshape(operation.operand, shape);
    case "concatenate":
      return simple("Concat", operation.operands, { axis: { int: operation.axis } });
    case "slice": {
      const { operand, axis, start, end } = operation;
      return {
        reads: [operand],
        emit: (emitter, names) =>
          emitter.result("Slice", [...names, ...[[start], [end], [axis]].map((values) => emitter.integers(values))]),
      };
    }
  }
}

function weight(parameter: string, shape: Shape, transposed: boolean): Instruction {
  const extents = shape.map(Number);
  const name = transposed ? `${parameter}.transposed` : parameter;
  const stored = { name, parameter, type: onnxType.float, shape: extents, transposed };
  return { reads: [], emit: (emitter) => emitter.weight(stored) };
}

function reduce(operator: string, operand: Value): Instruction {
  return {
    reads: [operand],
    emit: (emitter, names) => emitter.result(operator, [...names, emitter.integers([-1])], { keepdims: { int: 1 } }),
  };
}

function select(operands: readonly Value[]): Instruction {
  return {
    reads: operands,
    emit: (emitter, [condition = "", ...branches]) =>
      emitter.result("Where", [asBoolean(emitter, condition), ...branches]),
  };
}

function compare(operator: "Equal" | "Less", operands: readonly Value[]): Instruction {
  return {
    reads: operands,
    emit: (emitter, names) =>
      emitter.result("Cast", [emitter.intermediate(operator, names)], { to: { int: onnxType.float } }),
  };
}

/** Operators take operands of one type: integers among reals are cast. */
function elementwise(operator: string, operands: readonly Value[], type: ElementType): Instruction {
  return {
    reads: operands,
    rows: "alike",
    emit: (emitter, names) =>
      emitter.result(
        operator,
        names.map((name, index) =>
          type === "real" && operands[index]?.type === "integer"
            ? emitter.intermediate("Cast", [name], { to: { int: onnxType.float } })
            : name,
        ),
      ),
  };
}

/** GatherElements does not broadcast, so the indices are expanded to the result's shape. */
function take(operand: Value, indices: Value, shape: Shape): Instruction {
  return {
    reads: [operand, indices],
    emit: (emitter, [data = "", places = ""]) => {
      const expanded = emitter.intermediate("Expand", [places, emitter.extents(shape)]);
      return emitter.result("GatherElements", [data, expanded], { axis: { int: -1 } });
    },
  };
}

function asBoolean(emitter: Emitter, condition: string): string {
  return emitter.intermediate("Cast", [condition], { to: { int: onnxType.bool } });
}

/**
 * In ONNX's shape vectors, 0 copies the operand's extent at the same axis, and at most one -1 is inferred; a shape with more
 * unknown extents is computed.
 */
function reshape(operand: Value, shape: Shape): Instruction {
  const extents = shape.map((extent, axis) => {
    if (typeof extent === "number") return extent;
    return operand.shape[axis] === extent ? 0 : -1;
  });
  const isInferred = extents.filter((extent) => extent === -1).length <= 1;
  return {
    reads: [operand],
    rows: "view",
    emit: (emitter, names) =>
      emitter.result("Reshape", [...names, isInferred ? emitter.integers(extents) : emitter.extents(shape)]),
  };
}

/** One node in place of thirteen, which create a session 25 ms sooner in native code and 100 in WebAssembly. */
function attention({ query, key, value, heads, scale }: AttentionMatch): Instruction {
  return simple("com.microsoft.MultiHeadAttention", [query, key, value], {
    num_heads: { int: heads },
    scale: { float: scale },
  });
}

function softmax({ scores, mask }: SoftmaxMatch): Instruction {
  const axis = { axis: { int: -1 } };
  if (mask === undefined) return simple("Softmax", [scores], axis);
  return {
    reads: [scores, mask],
    emit: (emitter, [scoresName = "", maskName = ""]) => {
      const condition = asBoolean(emitter, maskName);
      const masked = emitter.intermediate("Where", [condition, scoresName, emitter.scalar(minFloat32)]);
      const probabilities = emitter.intermediate("Softmax", [masked], axis);
      return emitter.result("Where", [condition, probabilities, emitter.scalar(0)]);
    },
  };
}

export function layerNorm({ operand, weight: scale, bias, epsilon }: Optional<LayerNormMatch, "bias">): Instruction {
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
  return { ...simple("LayerNormalization", [operand, scale, ...(bias ? [bias] : [])], attributes), rows: "alike" };
}
