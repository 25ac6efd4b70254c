/**
 * Lowers a program to an ONNX graph.
 *
 * It walks back from the outputs, so that only needed values are emitted: the textbook operations inside a compound
 * operator (`instructions.ts`) disappear unless one of them is an output. Identical nodes are emitted once, such as
 * each layer's operations on the mask.
 *
 * Must stay true: every requested stage is an output under its own name, and no depth of program overflows the stack.
 */
import { computeOrder } from "../../program/order.ts";
import type { Extent, Program, SymbolicExtent, Value } from "../../program/program.ts";
import {
  type OnnxAttribute,
  type OnnxConstant,
  type OnnxGraph,
  type OnnxNode,
  type OnnxValueInfo,
  type OnnxWeight,
  onnxType,
} from "./graph.ts";
import { type Dialect, type Emitter, type Instruction, runtimeDialect } from "./instructions.ts";

export function lowerToOnnx(program: Program, dialect: Dialect = runtimeDialect): OnnxGraph {
  const instructions = neededInstructions(program, dialect);
  const lowering = new Lowering(program, dialect.integers);
  for (const value of computeOrder(program)) {
    const instruction = instructions.get(value);
    if (instruction !== undefined) lowering.emit(value, instruction);
  }
  return lowering.graph(program, dialect.opset);
}

/** The instructions of all values that the outputs need, directly or through other instructions. */
function neededInstructions(program: Program, { choose }: Dialect): Map<Value, Instruction> {
  const instructions = new Map<Value, Instruction>();
  const pending = [...program.outputs.values()];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (instructions.has(value)) continue;
    const instruction = choose(value);
    instructions.set(value, instruction);
    pending.push(...instruction.reads);
  }
  return instructions;
}

class Lowering implements Emitter {
  readonly #names = new Map<Value, string>();
  readonly #outputNames = new Map<Value, string>();
  readonly #nodes: OnnxNode[] = [];
  readonly #constants = new Map<string, OnnxConstant>();
  readonly #weights = new Map<string, OnnxWeight>();
  readonly #inputs: OnnxValueInfo[] = [];
  /** Names of intermediate tensors, by operator, inputs and attributes. */
  readonly #computed = new Map<string, string>();
  /** The value being emitted: its result gets the stage's name, intermediate tensors get a number. */
  #current: Value | undefined;

  readonly #integers: Dialect["integers"];

  constructor(program: Program, integers: Dialect["integers"]) {
    this.#integers = integers;
    for (const [name, value] of program.outputs) if (!this.#outputNames.has(value)) this.#outputNames.set(value, name);
  }

  emit(value: Value, instruction: Instruction): void {
    this.#current = value;
    const names = instruction.reads.map((operand) => this.#nameOf(operand));
    this.#names.set(value, instruction.emit(this, names));
  }

  graph(program: Program, opset: number): OnnxGraph {
    const outputs: OnnxValueInfo[] = [];
    for (const [name, value] of program.outputs) {
      const computed = this.#nameOf(value);
      if (computed !== name)
        this.#nodes.push({ operator: "Identity", inputs: [computed], output: name, attributes: {} });
      outputs.push({ name, type: onnxType.float, shape: value.shape });
    }
    return {
      opset,
      nodes: this.#nodes,
      constants: [...this.#constants.values()],
      weights: [...this.#weights.values()],
      inputs: this.#inputs,
      outputs,
    };
  }

  result(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    const stage = this.#current && this.#outputNames.get(this.#current);
    return stage === undefined
      ? this.intermediate(operator, inputs, attributes)
      : this.#node(operator, inputs, stage, attributes);
  }

  intermediate(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    const key = JSON.stringify([operator, inputs, attributes]);
    const name = this.#computed.get(key) ?? this.#node(operator, inputs, `t${this.#nodes.length}`, attributes);
    this.#computed.set(key, name);
    return name;
  }

  input(info: OnnxValueInfo): string {
    this.#inputs.push(info);
    return info.name;
  }

  scalar(value: number): string {
    return this.#constant({ name: `scalar_${value}`, type: onnxType.float, shape: [], data: Float32Array.of(value) });
  }

  integer(value: number): string {
    return this.#constant({
      name: `integer_${value}`,
      type: this.#integers,
      shape: [],
      data: this.#integerData([value]),
    });
  }

  table(name: string, { operation, shape, type }: Value): string {
    if (operation.kind !== "table") throw new RangeError(`a ${operation.kind} is no table`);
    const isInteger = type === "integer";
    return this.#constant({
      name: `table_${name}`,
      type: isInteger ? this.#integers : onnxType.float,
      shape: shape.map(Number),
      data: isInteger ? this.#integerData(operation.values) : operation.values,
    });
  }

  #integerData(values: ArrayLike<number>): Int32Array | BigInt64Array {
    return this.#integers === onnxType.int32 ? Int32Array.from(values) : BigInt64Array.from(values, BigInt);
  }

  integers(values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.#constant({ name: `integers_${values.join("_")}`, type: onnxType.int64, shape: [values.length], data });
  }

  extents(shape: readonly Extent[]): string {
    const parts = shape.map((extent) => (typeof extent === "number" ? this.integers([extent]) : this.#extent(extent)));
    return this.intermediate("Concat", parts, { axis: { int: 0 } });
  }

  weight(weight: OnnxWeight): string {
    this.#weights.set(weight.name, weight);
    return weight.name;
  }

  /** Reads a symbol's extent from any input that has it. */
  #extent(symbol: SymbolicExtent): string {
    const input = this.#inputs.find(({ shape }) => shape.includes(symbol));
    if (input === undefined) throw new Error(`no input read so far has the extent ${symbol}`);
    const axis = input.shape.indexOf(symbol);
    return this.intermediate("Shape", [input.name], { start: { int: axis }, end: { int: axis + 1 } });
  }

  #nameOf(value: Value): string {
    const name = this.#names.get(value);
    if (name === undefined) throw new Error(`a ${value.operation.kind} was read before it was emitted`);
    return name;
  }

  #node(
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, OnnxAttribute>>,
  ): string {
    this.#nodes.push({ operator, inputs, output, attributes });
    return output;
  }

  #constant(constant: OnnxConstant): string {
    this.#constants.set(constant.name, constant);
    return constant.name;
  }
}
