/**
 * Makes an ONNX model's weights external, in the checkpoint's types: ONNX Runtime reads them in place, without
 * conversion or copy. Nodes of the graph widen half-precision weights and transpose; ONNX Runtime folds them at load.
 * WebAssembly takes a quarter of a second for that (the built-in model), so for it matrices are widened here. Vectors, small
 * and many, always are: a node for each of them takes longer.
 *
 * Must stay true: widening is exact, so that results equal those with float32 weights.
 */
import { toFloat32 } from "../../tensor/half.ts";
import type { FloatDType, Tensor } from "../../tensor/tensor.ts";
import type { ReadParameter, RunOptions } from "../engine.ts";
import { type OnnxExternalTensor, type OnnxGraph, type OnnxNode, type OnnxWeight, onnxType } from "./graph.ts";

/** The bytes behind a path in the graph; there need not be a file. */
export interface ExternalData {
  readonly path: string;
  readonly data: Uint8Array;
}

export interface GraphAndData {
  readonly graph: OnnxGraph;
  readonly data: readonly ExternalData[];
}

export interface StoredWeightsOptions extends RunOptions {
  /** Whether half-precision matrices are widened before ONNX Runtime gets them. Default: false. */
  readonly widenMatrices?: boolean;
}

/** Replaces a graph's weights by external tensors. */
export async function withStoredWeights(
  graph: OnnxGraph,
  readParameter: ReadParameter,
  { signal, widenMatrices = false }: StoredWeightsOptions = {},
): Promise<GraphAndData> {
  const tables = gatheredFrom(graph);
  // Requested at once, so that the reader can merge them into fewer, larger reads.
  const reading = graph.weights.map(async (weight) => {
    const tensor = await readParameter(weight.parameter);
    signal?.throwIfAborted();
    const isTable = tables.has(weight.name);
    const widens = !isTable && (widenMatrices || tensor.shape.length === 1);
    return storedWeight(weight, widens ? widened(tensor) : tensor, isTable);
  });
  const stored = await Promise.all(reading);
  const narrow = new Set(stored.filter(({ isNarrow }) => isNarrow).map(({ external }) => external.name));
  return {
    graph: {
      ...graph,
      weights: [],
      externals: stored.map(({ external }) => external),
      nodes: [...stored.flatMap(({ nodes }) => nodes), ...graph.nodes.flatMap((node) => widenRows(node, narrow))],
    },
    data: stored.map(({ external, bytes }) => ({ path: external.path, data: bytes })),
  };
}

/** The weights that only Gather reads. */
function gatheredFrom({ nodes, outputs }: OnnxGraph): ReadonlySet<string> {
  const tables = new Set(nodes.filter(({ operator }) => operator === "Gather").map(({ inputs }) => inputs[0] ?? ""));
  for (const { operator, inputs } of nodes) {
    for (const name of inputs.slice(operator === "Gather" ? 1 : 0)) tables.delete(name);
  }
  for (const { name } of outputs) tables.delete(name);
  return tables;
}

/** Keeps a half-precision table as stored and widens only the gathered rows. */
function widenRows(node: OnnxNode, narrow: ReadonlySet<string>): OnnxNode[] {
  if (node.operator !== "Gather" || !narrow.has(node.inputs[0] ?? "")) return [node];
  const rows = `${node.output}.stored`;
  return [
    { ...node, output: rows },
    { operator: "Cast", inputs: [rows], output: node.output, attributes: { to: { int: onnxType.float } } },
  ];
}

interface StoredWeight {
  readonly external: OnnxExternalTensor;
  readonly bytes: Uint8Array;
  /** Nodes that turn the stored tensor into the weight that the graph reads. */
  readonly nodes: readonly OnnxNode[];
  /** A half-precision table, whose rows are widened after the Gather. */
  readonly isNarrow: boolean;
}

function storedWeight({ name, transposed }: OnnxWeight, tensor: Tensor<FloatDType>, isTable: boolean): StoredWeight {
  const { shape } = tensor;
  const { type, data } = elements(tensor);
  const steps: Pick<OnnxNode, "operator" | "attributes">[] = [];
  const isHalf = type !== onnxType.float;
  if (isHalf && !isTable) steps.push({ operator: "Cast", attributes: { to: { int: onnxType.float } } });
  if (transposed) steps.push({ operator: "Transpose", attributes: { perm: { ints: [1, 0] } } });
  const nameAfter = (count: number): string => (count === steps.length ? name : `${name}.stored${count}`);
  return {
    external: { name: nameAfter(0), type, shape, path: name, bytes: data.byteLength },
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    nodes: steps.map((step, index) => ({ ...step, inputs: [nameAfter(index)], output: nameAfter(index + 1) })),
    isNarrow: isHalf && isTable,
  };
}

const widened = (tensor: Tensor<FloatDType>): Tensor<"f32"> => ({
  dtype: "f32",
  shape: tensor.shape,
  data: toFloat32(tensor),
});

/** float64 is rounded to float32, in which ONNX Runtime computes. */
function elements(tensor: Tensor<FloatDType>): Pick<OnnxExternalTensor, "type"> & { data: Float32Array | Uint16Array } {
  if (tensor.dtype === "f16") return { type: onnxType.float16, data: tensor.data };
  if (tensor.dtype === "bf16") return { type: onnxType.bfloat16, data: tensor.data };
  return { type: onnxType.float, data: toFloat32(tensor) };
}
