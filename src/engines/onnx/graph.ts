/**
 * An ONNX graph as plain data, with the names of ONNX's specification (https://onnx.ai/onnx/repo-docs/IR.html).
 */
import type { Shape } from "../../program/program.ts";

/** `TensorProto.DataType`. */
export const onnxType = { float: 1, int32: 6, int64: 7, bool: 9, float16: 10, bfloat16: 16 } as const;

export type OnnxType = (typeof onnxType)[keyof typeof onnxType];

/** Tagged, because a JavaScript number does not tell float from integer. */
export type OnnxAttribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] };

export interface OnnxNode {
  /** Of ONNX's standard, or with its domain: `com.microsoft.MultiHeadAttention` (`domainOf`). */
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A small tensor made by the lowering: a scalar, a shape, an axis. */
export interface OnnxConstant {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  /** float16 as bits. */
  readonly data: Float32Array | Uint16Array | Int32Array | BigInt64Array;
}

/** A tensor of the checkpoint, transposed where a matmul needs [inputs, outputs]. */
export interface OnnxWeight {
  readonly name: string;
  readonly parameter: string;
  readonly type: typeof onnxType.float | typeof onnxType.float16;
  /** After the transpose. */
  readonly shape: readonly number[];
  readonly transposed: boolean;
}

/** A tensor whose bytes are a separate file. */
export interface OnnxExternalTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  readonly path: string;
  readonly bytes: number;
}

/** A graph's input or output; symbolic extents are dynamic. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: Shape;
}

export interface OnnxGraph {
  /** Version of the operator set. */
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxConstant[];
  readonly weights: readonly OnnxWeight[];
  readonly externals?: readonly OnnxExternalTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

/** Splits an operator's name into its domain, empty for the standard's, and its name there. */
export function domainOf(operator: string): readonly [domain: string, name: string] {
  const dot = operator.lastIndexOf(".");
  return [operator.slice(0, Math.max(dot, 0)), operator.slice(dot + 1)];
}
