/**
 * Lowers a program to an ONNX graph.
 *
 * It walks back from the outputs, so that only needed values are emitted: the textbook operations inside a compound
 * operator (`instructions.ts`) disappear unless one of them is an output. Identical nodes are emitted once, such as
 * each layer's operations on the mask.
 *
 * Gemm takes and gives matrices. What works on each row alike (GELU, LayerNorm, residuals) goes on with the matrix, so that
 * it gets its own shape [batch, sequence, hidden] only where something needs it. A third of BERT's nodes were such
 * reshapes, each of which takes ONNX Runtime time when it creates a session.
 *
 * Must stay true: every requested stage is an output under its own name, and no depth of program overflows the stack.
 */
import { computeOrder } from "../../program/order.ts";
import type { Extent, Program, Shape, SymbolicExtent, Value } from "../../program/program.ts";
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

const isSameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((extent, axis) => extent === b[axis]);

class Lowering implements Emitter {
  /** Tensors in the shape of their value. */
  readonly #names = new Map<Value, string>();
  /** Tensors of all but the last axis as one. */
  readonly #rows = new Map<Value, string>();
  /** Emitted when one of their forms is asked for. */
  readonly #views = new Map<Value, Instruction>();
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
    if (instruction.rows === "view") this.#views.set(value, instruction);
    else if (this.#worksOnRows(value, instruction)) this.#emitRows(value, instruction);
    else this.#emitShaped(value, instruction);
  }

  /** Of an instruction that works on rows alike: whether an operand is there as rows, and none is broadcast over rows. */
  #worksOnRows({ shape }: Value, { rows, reads }: Instruction): boolean {
    if (rows === "product") return shape.length > 2;
    return (
      rows === "alike" &&
      reads.some((operand) => this.#rows.has(operand)) &&
      reads.every((operand) => operand.shape.length <= 1 || isSameShape(operand.shape, shape))
    );
  }

  #emitRows(value: Value, { rows, reads, emit }: Instruction): void {
    const isOfRows = ({ shape }: Value, index: number) => (rows === "product" ? index === 0 : shape.length > 1);
    const names = reads.map((operand, index) =>
      isOfRows(operand, index) ? this.#rowsOf(operand) : this.#nameOf(operand),
    );
    // A stage's name belongs to the tensor in its own shape.
    this.#rows.set(
      value,
      this.#as(undefined, () => emit(this, names)),
    );
  }

  #emitShaped(value: Value, { reads, emit }: Instruction): void {
    const names = reads.map((operand) => this.#nameOf(operand));
    this.#names.set(
      value,
      this.#as(value, () => emit(this, names)),
    );
  }

  #as<T>(value: Value | undefined, emit: () => T): T {
    const outer = this.#current;
    this.#current = value;
    const result = emit();
    this.#current = outer;
    return result;
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
    const view = this.#views.get(value);
    if (!this.#names.has(value) && view !== undefined) this.#emitView(value, view);
    const name = this.#names.get(value) ?? this.#reshaped(value, this.#rows.get(value));
    if (name === undefined) throw new Error(`a ${value.operation.kind} was read before it was emitted`);
    this.#names.set(value, name);
    return name;
  }

  #rowsOf(value: Value): string {
    const known = this.#rows.get(value);
    if (known !== undefined) return known;
    if (value.shape.length === 2) return this.#nameOf(value);
    const [operand] = this.#views.get(value)?.reads ?? [];
    const source = this.#names.get(value) ?? (operand && this.#eitherOf(operand)) ?? this.#nameOf(value);
    const rows = this.intermediate("Reshape", [source, this.integers([-1, Number(value.shape.at(-1))])]);
    this.#rows.set(value, rows);
    return rows;
  }

  /** What there is of a value whose elements are wanted in another shape. */
  #eitherOf(value: Value): string {
    return this.#names.get(value) ?? this.#rows.get(value) ?? this.#nameOf(value);
  }

  #emitView(value: Value, view: Instruction): void {
    const [operand] = view.reads;
    const rows = operand && !this.#names.has(operand) ? this.#rows.get(operand) : undefined;
    const reshaped = this.#reshaped(value, rows);
    if (reshaped === undefined) this.#emitShaped(value, view);
    else this.#names.set(value, reshaped);
  }

  /** A value in its own shape, from a tensor with its elements. */
  #reshaped(value: Value, source: string | undefined): string | undefined {
    if (source === undefined) return undefined;
    return this.#as(value, () => this.result("Reshape", [source, this.extents(value.shape)]));
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
