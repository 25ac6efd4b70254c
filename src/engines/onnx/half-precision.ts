/**
 * Converts a float32 graph to float16 where that is safe.
 *
 * In float16: stored matrices and tables, matmuls, and the arithmetic between matmuls (biases, GELU). In float32:
 * LayerNorm and softmax, whose sums may overflow float16, and the arithmetic that only they or the outputs read:
 * residual sums, the mask, the last bias. Inputs and outputs do not change. Casts connect the two.
 *
 * Must stay true: all float inputs of a node have one type, and a tensor is cast once for all its readers.
 */
import { encodeF16 } from "../../tensor/half.ts";
import { type OnnxConstant, type OnnxGraph, type OnnxNode, type OnnxType, type OnnxWeight, onnxType } from "./graph.ts";

type FloatType = OnnxWeight["type"];

const float32Operators: ReadonlySet<string> = new Set(["LayerNormalization", "Softmax"]);
const arithmetic: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div", "Where"]);
const views: ReadonlySet<string> = new Set(["Gather", "Identity", "Reshape", "Slice", "Transpose"]);

export function toHalfPrecision(graph: OnnxGraph): OnnxGraph {
  const readBy = readersOf(graph);
  const in32 = nodesInFloat32(graph, readBy);
  const weights = graph.weights.map((weight) => {
    const keeps32 = readBy(weight.name).every((reader) => in32.has(reader));
    return keeps32 ? weight : { ...weight, type: onnxType.float16 };
  });
  const casting = new Casting({ ...graph, weights });
  for (const node of graph.nodes) casting.add(node, in32.has(node) ? onnxType.float : onnxType.float16);
  return casting.graph();
}

/** Backwards from the outputs: float32 operators, and arithmetic whose readers are all in float32. */
function nodesInFloat32(graph: OnnxGraph, readBy: Readers): Set<OnnxNode> {
  const in32 = new Set<OnnxNode>();
  const weights = new Set(graph.weights.map(({ name }) => name));
  for (const node of graph.nodes.toReversed()) {
    // A view of a table keeps the table's type.
    const adapts = arithmetic.has(node.operator) || (views.has(node.operator) && !weights.has(node.inputs[0] ?? ""));
    const wanted = readBy(node.output).every((reader) => in32.has(reader));
    if (float32Operators.has(node.operator) || (adapts && wanted)) in32.add(node);
  }
  return in32;
}

/** The nodes that read a tensor, by name. */
type Readers = (name: string) => readonly OnnxNode[];

function readersOf({ nodes }: OnnxGraph): Readers {
  const readers = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) {
      const known = readers.get(input);
      if (known) known.push(node);
      else readers.set(input, [node]);
    }
  }
  return (name) => readers.get(name) ?? [];
}

/** Rebuilds the graph node by node, casting inputs to the node's float type. */
class Casting {
  readonly #graph: OnnxGraph;
  readonly #types = new Map<string, OnnxType>();
  readonly #outputs: ReadonlySet<string>;
  readonly #constants = new Map<string, OnnxConstant>();
  readonly #nodes: OnnxNode[] = [];

  constructor(graph: OnnxGraph) {
    this.#graph = graph;
    this.#outputs = new Set(graph.outputs.map(({ name }) => name));
    for (const { name, type } of [...graph.inputs, ...graph.weights, ...graph.constants]) this.#types.set(name, type);
    for (const constant of graph.constants) this.#constants.set(constant.name, constant);
  }

  add(node: OnnxNode, type: FloatType): void {
    const readsFloat = node.inputs.some((name) => isFloat(this.#types.get(name)));
    const inputs = node.inputs.map((name) => (isFloat(this.#types.get(name)) ? this.#as(type, name) : name));
    const outputType = fixedOutputType(node) ?? (readsFloat ? type : this.#types.get(node.inputs[0] ?? ""));
    // Graph outputs must stay float32.
    if (outputType === onnxType.float16 && this.#outputs.has(node.output)) {
      const output = `${node.output}.float16`;
      this.#push({ ...node, inputs, output }, outputType);
      this.#push(cast(output, node.output, onnxType.float), onnxType.float);
    } else this.#push({ ...node, inputs }, outputType);
  }

  graph(): OnnxGraph {
    const read = new Set(this.#nodes.flatMap(({ inputs }) => inputs));
    const constants = [...this.#constants.values()].filter(({ name }) => read.has(name));
    return { ...this.#graph, nodes: this.#nodes, constants };
  }

  #push(node: OnnxNode, type: OnnxType | undefined): void {
    this.#nodes.push(node);
    if (type !== undefined) this.#types.set(node.output, type);
  }

  /** The name of a tensor in a float type; adds a cast if needed. */
  #as(type: FloatType, name: string): string {
    if (this.#types.get(name) === type) return name;
    const other = `${name}.${type === onnxType.float16 ? "float16" : "float32"}`;
    if (this.#types.has(other)) return other;
    const constant = this.#constants.get(name);
    if (constant?.data instanceof Float32Array) {
      this.#constants.set(other, { ...constant, name: other, type, data: Uint16Array.from(constant.data, encodeF16) });
      this.#types.set(other, type);
    } else this.#push(cast(name, other, type), type);
    return other;
  }
}

const isFloat = (type: OnnxType | undefined): boolean => type === onnxType.float || type === onnxType.float16;

const cast = (input: string, output: string, to: OnnxType): OnnxNode => ({
  operator: "Cast",
  inputs: [input],
  output,
  attributes: { to: { int: to } },
});

/** The output type of operators for which it does not depend on the inputs. */
function fixedOutputType({ operator, attributes }: OnnxNode): OnnxType | undefined {
  const to = attributes["to"];
  if (operator === "Cast" && to && "int" in to) return Object.values(onnxType).find((type) => type === to.int);
  if (operator === "Shape") return onnxType.int64;
  return operator === "Equal" ? onnxType.bool : undefined;
}
