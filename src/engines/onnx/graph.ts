/**
 * An ONNX graph as plain data, before it is encoded (the names are ONNX's own: https://onnx.ai/onnx/repo-docs/IR.html).
 */
import type { Shape } from "../../program/program.ts";

/** `TensorProto.DataType`: the numbers are part of the format. */
export const onnxType = { float: 1, int32: 6, int64: 7, bool: 9, float16: 10, bfloat16: 16 } as const;

export type OnnxType = (typeof onnxType)[keyof typeof onnxType];

/** A number alone does not say whether ONNX is to see a float or an integer. */
export type OnnxAttribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly ints: readonly number[] };

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A small tensor that the lowering itself makes: a scalar, a shape, an axis. */
export interface OnnxConstant {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  /** float16 as its bits. */
  readonly data: Float32Array | Uint16Array | BigInt64Array;
}

/** One of the checkpoint's tensors, its two axes swapped where a matrix product wants [inputs, outputs]. */
export interface OnnxWeight {
  readonly name: string;
  readonly parameter: string;
  readonly type: typeof onnxType.float | typeof onnxType.float16;
  /** As the graph sees it: already swapped. */
  readonly shape: readonly number[];
  readonly transposed: boolean;
}

/** A tensor whose bytes are not in the model's file but in another, whole, from its first byte on. */
export interface OnnxExternalTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  readonly path: string;
  readonly bytes: number;
}

/** A graph's input or output; symbolic extents are found out when it runs. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: Shape;
}

export interface OnnxGraph {
  /** The version of ONNX's operators that the nodes are of. */
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxConstant[];
  readonly weights: readonly OnnxWeight[];
  readonly externals?: readonly OnnxExternalTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}
