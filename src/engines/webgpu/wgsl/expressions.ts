/**
 * Values as WGSL: the statements that compute elements of a value at given coordinates from tensors in memory.
 *
 * Fusion happens here: operations between the tensors that a kernel reads and stores become expressions, views become
 * arithmetic on coordinates, and broadcasting drops coordinates. `given` names the values that a kernel holds in registers
 * (a matmul's accumulator, a row's mean). Everything is computed in float32, four elements along the last axis at a time.
 *
 * Must stay true: if the requested coordinates are inside a value's shape or its row padding, so are all memory reads.
 */
import { matchGelu } from "../../../program/patterns.ts";
import {
  type ElementwiseFunction,
  type Extent,
  type Operation,
  operandsOf,
  type Value,
} from "../../../program/program.ts";
import type { KernelBindings } from "./bindings.ts";
import { type Coordinate, type Coordinates, linear, plus, zero } from "./coordinates.ts";
import type { SpecialFunction } from "./special-functions.ts";
import { extentText, loadLane, loadVector, rowVectorsText } from "./storage.ts";
import {
  type Concatenation,
  isContiguous,
  placeInSource,
  slicedBy,
  unitOf,
  type View,
  viewedCoordinates,
} from "./view-coordinates.ts";

/** A value that a kernel holds in a variable, at the block's coordinates: a `vec4<f32>` or an `f32`. */
export interface Given {
  readonly vector?: string;
  readonly scalar?: string;
}

/** Functions that WGSL lacks, or defines with too low an accuracy. */
type SpecialOperation = "erf" | "tanh";

const binary = (operator: string) => (operands: readonly string[]) => `(${operands.join(` ${operator} `)})`;
const call = (name: string) => (operands: readonly string[]) => `${name}(${operands.join(", ")})`;

/** Each function as WGSL of operands of one type, `vec4<f32>` or `f32`. */
const elementwiseText: Readonly<
  Record<Exclude<ElementwiseFunction, SpecialOperation>, (operands: readonly string[], type: string) => string>
> = {
  add: binary("+"),
  subtract: binary("-"),
  multiply: binary("*"),
  divide: binary("/"),
  maximum: call("max"),
  exp: call("exp"),
  sqrt: call("sqrt"),
  equal: ([left, right], type) => `select(${type}(0.0), ${type}(1.0), ${left} == ${right})`,
  less: ([left, right], type) => `select(${type}(0.0), ${type}(1.0), ${left} < ${right})`,
  select: ([condition, yes, no], type) => `select(${no}, ${yes}, ${condition} != ${type}(0.0))`,
};

/** A float32 literal. */
export function literal(value: number): string {
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/** A block of statements, which computes each value once. */
export class Block {
  readonly lines: string[] = [];
  /** Given values that were used. */
  readonly used = new Set<Value>();
  readonly #computed = new Map<string, string>();
  readonly #bindings: KernelBindings;
  readonly #given: ReadonlyMap<Value, Given>;
  readonly #outer: Block | undefined;

  constructor(bindings: KernelBindings, given: ReadonlyMap<Value, Given> = new Map(), outer?: Block) {
    this.#bindings = bindings;
    this.#given = given;
    this.#outer = outer;
  }

  /** A block inside this one, which reuses what this one has computed so far. */
  inner(): Block {
    return new Block(this.#bindings, this.#given, this);
  }

  /** Four elements along the last axis, as the name of a `vec4<f32>`. */
  vector(value: Value, coordinates: Coordinates): string {
    return this.#once("v", value, coordinates, () => this.#vector(value, coordinates));
  }

  /** Four elements rounded to float16, as a `vec4<f16>`; without a conversion where they are stored so. */
  f16(value: Value, coordinates: Coordinates): string {
    return this.storedF16(value, coordinates) ?? `vec4<f16>(${this.vector(value, coordinates)})`;
  }

  /** Four elements as a `vec4<f16>`; `undefined` if they are not stored so. */
  storedF16(value: Value, coordinates: Coordinates): string | undefined {
    const stored = this.#stored(value, coordinates, 4);
    if (stored === undefined || this.#bindings.typeOf(stored.value) !== "f16") return undefined;
    const { name, offset } = this.#bindings.read(stored.value);
    return `${name}[${vectorIndex(stored.rows, stored.value, stored.column, offset)}]`;
  }

  /** Eight stored float16 as a `vec4<u32>`; `undefined` if they are not contiguous and aligned to 16 bytes. */
  vec8(value: Value, coordinates: Coordinates): string | undefined {
    const stored = this.#stored(value, coordinates, 8);
    const name = stored && this.#bindings.readVec8(stored.value);
    if (stored === undefined || name === undefined) return undefined;
    const { rows, column } = stored;
    return `${name}[${rows.text} * ${Number(stored.value.shape.at(-1)) / 8}u + ${column.text} / 8u]`;
  }

  /** The place in a tensor in memory where `count` neighbours in a value are contiguous too. */
  #stored(
    value: Value,
    coordinates: Coordinates,
    count: 4 | 8,
  ): { readonly value: Value; readonly rows: Coordinate; readonly column: Coordinate } | undefined {
    const { operation } = value;
    if (this.#given.has(value)) return undefined;
    if (this.#bindings.has(value)) {
      const column = coordinates.at(-1) ?? zero;
      const rows = linear(coordinates.slice(0, -1), value.shape.slice(0, -1));
      return column.multipleOf % count === 0 ? { value, rows, column } : undefined;
    }
    if (operation.kind !== "slice" && operation.kind !== "reshape" && operation.kind !== "transpose") return undefined;
    const viewed = viewedCoordinates(value, operation, coordinates);
    return isContiguous(value, operation, viewed, count) ? this.#stored(operation.operand, viewed, count) : undefined;
  }

  /** One element, as the name of an `f32`. */
  scalar(value: Value, coordinates: Coordinates): string {
    return this.#once("s", value, coordinates, () => this.#scalar(value, coordinates));
  }

  #once(kind: "v" | "s", value: Value, coordinates: Coordinates, compute: () => string): string {
    const key = `${kind}${this.#bindings.identify(value)}@${coordinates.map(({ text }) => text).join()}`;
    const known = this.#find(key);
    if (known !== undefined) return known;
    const text = compute();
    const isName = /^[a-z_]\w*$/i.test(text) || value.operation.kind === "constant";
    const name = isName ? text : this.#bindings.freshName(kind);
    if (!isName) this.lines.push(`let ${name} = ${text};`);
    this.#computed.set(key, name);
    return name;
  }

  #find(key: string): string | undefined {
    return this.#computed.get(key) ?? (this.#outer === undefined ? undefined : this.#outer.#find(key));
  }

  #vector(value: Value, coordinates: Coordinates): string {
    const given = this.#given.get(value);
    if (given !== undefined) this.used.add(value);
    if (given?.vector !== undefined) return given.vector;
    if (given?.scalar !== undefined) return `vec4<f32>(${given.scalar})`;
    const last = value.shape.at(-1) ?? 1;
    if (last === 1) return `vec4<f32>(${this.scalar(value, coordinates)})`;
    if (this.#bindings.has(value)) return this.#loadVector(value, coordinates);
    const { operation } = value;
    switch (operation.kind) {
      case "elementwise":
        return this.#elementwise(value, operation, "vec4<f32>", coordinates);
      case "gather":
        return this.vector(operation.table, [this.#row(operation, coordinates), coordinates.at(-1) ?? zero]);
      case "slice":
      case "reshape":
      case "transpose":
        return this.#viewedVector(value, operation, coordinates);
      case "take":
        return this.#lanes(value, coordinates);
      case "concatenate": {
        const unit = unitOf(value, operation, coordinates);
        if (unit === undefined) return this.#lanes(value, coordinates);
        return this.#concatenated(operation, coordinates, unit, (operand, at) => this.vector(operand, at));
      }
      default:
        throw new RangeError(`a kernel cannot compute a ${operation.kind} in passing`);
    }
  }

  #scalar(value: Value, coordinates: Coordinates): string {
    const given = this.#given.get(value);
    if (given?.scalar !== undefined) return given.scalar;
    const { operation } = value;
    if (operation.kind === "constant") return literal(operation.value);
    if (this.#bindings.has(value)) return this.#loadScalar(value, coordinates);
    switch (operation.kind) {
      case "elementwise":
        return this.#elementwise(value, operation, "f32", coordinates);
      case "gather":
        return this.scalar(operation.table, [this.#row(operation, coordinates), coordinates.at(-1) ?? zero]);
      case "slice":
      case "reshape":
      case "transpose":
        return this.scalar(operation.operand, viewedCoordinates(value, operation, coordinates));
      case "take":
        return this.#take(operation, coordinates);
      case "concatenate":
        return this.#concatenated(operation, coordinates, 1, (operand, at) => this.scalar(operand, at));
      case "reduce":
        return this.#reduce(operation, coordinates);
      default:
        throw new RangeError(`a kernel cannot compute a ${operation.kind} in passing`);
    }
  }

  #elementwise(
    value: Value,
    { function: name, operands }: Extract<Operation, { kind: "elementwise" }>,
    type: "vec4<f32>" | "f32",
    coordinates: Coordinates,
  ): string {
    const emit = (operand: Value): string => {
      const operandCoordinates = broadcastCoordinates(operand, coordinates);
      return type === "f32" ? this.scalar(operand, operandCoordinates) : this.vector(operand, operandCoordinates);
    };
    const gelu = this.#geluOperand(value);
    if (gelu !== undefined) return this.#special("gelu4", emit(gelu), type);
    if (name === "erf") return this.#special("erf4", emit(operands[0] as Value), type);
    if (name === "tanh") return this.#special("tanh4", emit(operands[0] as Value), type);
    return elementwiseText[name](operands.map(emit), type);
  }

  #special(name: SpecialFunction, operand: string, type: "vec4<f32>" | "f32"): string {
    this.#bindings.useSpecial(name);
    return type === "f32" ? `${name}(vec4<f32>(${operand})).x` : `${name}(${operand})`;
  }

  /** The operand of a GELU none of whose intermediate values are in memory. */
  #geluOperand(value: Value): Value | undefined {
    const operand = matchGelu(value);
    const pending = operand === undefined ? [] : [...operandsOf(value.operation)];
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === operand || part.operation.kind === "constant") continue;
      if (this.#bindings.has(part) || this.#given.has(part)) return undefined;
      pending.push(...operandsOf(part.operation));
    }
    return operand;
  }

  #row({ table, indices }: Extract<Operation, { kind: "gather" }>, coordinates: Coordinates): Coordinate {
    const index = this.scalar(indices, coordinates.slice(0, -1));
    return { text: `min(u32(${index}), ${Number(table.shape[0]) - 1}u)`, multipleOf: 1 };
  }

  #take({ operand, indices }: Extract<Operation, { kind: "take" }>, coordinates: Coordinates): string {
    const index = this.scalar(indices, broadcastCoordinates(indices, coordinates));
    const column = { text: `min(u32(${index}), ${extentText(operand.shape.at(-1) as Extent)} - 1u)`, multipleOf: 1 };
    return this.scalar(operand, [...coordinates.slice(0, -1), column]);
  }

  #viewedVector(value: Value, operation: View, coordinates: Coordinates): string {
    const viewed = viewedCoordinates(value, operation, coordinates);
    if (!isContiguous(value, operation, viewed)) return this.#lanes(value, coordinates);
    return this.vector(operation.operand, viewed);
  }

  /** Four elements one by one, for views in which they are not contiguous. Beyond the row's end the last one is repeated. */
  #lanes(value: Value, coordinates: Coordinates): string {
    const last = value.shape.at(-1) ?? 1;
    const base = coordinates.at(-1) ?? zero;
    const isWhole = typeof last === "number" && last % 4 === 0;
    const lanes = [0, 1, 2, 3].map((lane) => {
      const moved = plus(base, lane);
      const text = isWhole || lane === 0 ? moved.text : `min(${moved.text}, ${extentText(last)} - 1u)`;
      return this.scalar(value, [...coordinates.slice(0, -1), { text, multipleOf: 1 }]);
    });
    return `vec4<f32>(${lanes.join(", ")})`;
  }

  /** @param unit what the coordinate along the axis and the operands' extents are multiples of. */
  #concatenated(
    operation: Concatenation,
    coordinates: Coordinates,
    unit: 1 | 4,
    emit: (operand: Value, coordinates: Coordinates) => string,
  ): string {
    const { operands, axis } = operation;
    const here = coordinates[axis] ?? zero;
    const along = (text: string): Coordinates => coordinates.with(axis, { text, multipleOf: unit });
    const source = slicedBy(operation, unit);
    if (source !== undefined) return emit(source.value, along(placeInSource(source.parts, here.text, unit)));
    let start = 0;
    let text = "";
    for (const operand of operands) {
      const extent = operand.shape[axis] as number;
      // Coordinates outside the operand are clamped; the element computed there is not selected.
      const element = emit(operand, along(`min(max(${here.text}, ${start}u) - ${start}u, ${extent - unit}u)`));
      text = text === "" ? element : `select(${text}, ${element}, ${here.text} >= ${start}u)`;
      start += extent;
    }
    return text;
  }

  /** Reduces a whole row in one invocation, for rows of a few elements. */
  #reduce({ function: name, operand }: Extract<Operation, { kind: "reduce" }>, coordinates: Coordinates): string {
    const total = this.#bindings.freshName("total");
    const column = this.#bindings.freshName("column");
    const last = operand.shape.at(-1) as Extent;
    const body = this.inner();
    const vector = body.vector(operand, [...coordinates.slice(0, -1), { text: column, multipleOf: 4 }]);
    const counted = maskTail(vector, column, last, name === "sum" ? "0.0f" : lowest);
    body.lines.push(name === "sum" ? `${total} += ${counted};` : `${total} = max(${total}, ${counted});`);
    this.lines.push(
      `var ${total} = vec4<f32>(${name === "sum" ? "0.0f" : lowest});`,
      `for (var ${column} = 0u; ${column} < ${extentText(last)}; ${column} += 4u) {`,
      ...body.lines.map((line) => `  ${line}`),
      "}",
    );
    return acrossLanes(name, total);
  }

  #loadVector(value: Value, coordinates: Coordinates): string {
    const { name, type, offset } = this.#bindings.read(value);
    const base = coordinates.at(-1) ?? zero;
    if (type === "integers" || base.multipleOf % 4 !== 0) return this.#lanes(value, coordinates);
    const rows = linear(coordinates.slice(0, -1), value.shape.slice(0, -1));
    this.#bindings.noteView(type);
    const places = this.#bindings.placesOf(value, vectorIndex(rows, value, base, offset));
    return places.map((place) => loadVector(name, place, type)).join(" + ");
  }

  #loadScalar(value: Value, coordinates: Coordinates): string {
    const { name, type, offset } = this.#bindings.read(value);
    if (type === "integers") return `f32(${name}[${linear(coordinates, value.shape).text}])`;
    const rows = linear(coordinates.slice(0, -1), value.shape.slice(0, -1));
    if (type === "scalars") return `${name}[${rows.text}]`;
    const base = coordinates.at(-1) ?? zero;
    this.#bindings.noteView(type);
    const places = this.#bindings.placesOf(value, vectorIndex(rows, value, base, offset));
    return places.map((place) => loadLane(name, place, `(${base.text} % 4u)`, type)).join(" + ");
  }
}

/** The index of a vector, by its row, its first column and its tensor's offset. */
export function vectorIndex(rows: Coordinate, { shape }: Value, column: Coordinate, offset = 0): string {
  const terms = [
    ...(offset === 0 ? [] : [`${offset}u`]),
    ...(rows.text === "0u" ? [] : [`${rows.text} * ${rowVectorsText(shape)}`]),
    ...(column.text === "0u" ? [] : [`${column.text} / 4u`]),
  ];
  return terms.length === 0 ? "0u" : terms.join(" + ");
}

export const lowest = "-3.4028234663852886e38f";

/** A vector with `neutral` in lanes beyond the row's end. */
export function maskTail(vector: string, column: string, last: Extent, neutral: string): string {
  if (typeof last === "number" && last % 4 === 0) return vector;
  const columns = `vec4<u32>(${column}) + vec4<u32>(0u, 1u, 2u, 3u)`;
  return `select(vec4<f32>(${neutral}), ${vector}, ${columns} < vec4<u32>(${extentText(last)}))`;
}

/** The reduction of a vector's four lanes. */
export function acrossLanes(name: "sum" | "max", vector: string): string {
  if (name === "sum") return `((${vector}.x + ${vector}.y) + (${vector}.z + ${vector}.w))`;
  return `max(max(${vector}.x, ${vector}.y), max(${vector}.z, ${vector}.w))`;
}

/** The coordinates of an operand's element, from those of the result. */
export function broadcastCoordinates({ shape }: Value, coordinates: Coordinates): Coordinates {
  const missing = coordinates.length - shape.length;
  return shape.map((extent, axis) => (extent === 1 ? zero : (coordinates[axis + missing] ?? zero)));
}
