/**
 * Values as WGSL: for a value and the coordinates of an element, the statements that compute it from tensors in memory.
 *
 * This is where fusion becomes code. Whatever lies between the tensors a kernel reads and the ones it stores is written
 * out as expressions, views become arithmetic on coordinates, and broadcasting becomes leaving coordinates away. A kernel
 * says in `given` what it holds in registers already (a matmul's accumulator, a row's mean).
 *
 * Everything is computed four elements at a time, along the last axis, in float32.
 *
 * Must stay true: memory is read only at coordinates inside a tensor's shape or in the padding of its rows, provided that
 * the coordinates asked for are.
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
import { type Coordinate, type Coordinates, linear, plus, throughReshape, zero } from "./coordinates.ts";
import type { SpecialFunction } from "./special-functions.ts";
import { extentText, loadLane, loadVector, rowVectorsText } from "./storage.ts";

/** What a kernel has at hand for a value, at the coordinates that the block is about. */
export interface Given {
  /** A `vec4<f32>`. */
  readonly vector?: string;
  /** An `f32`. */
  readonly scalar?: string;
}

/** Those that WGSL has not, or not well enough. */
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
  select: ([condition, yes, no], type) => `select(${no}, ${yes}, ${condition} != ${type}(0.0))`,
};

/** A float32 literal. */
export function literal(value: number): string {
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/** A block of statements. What it has computed once it does not compute again. */
export class Block {
  readonly lines: string[] = [];
  /** Given values that something was computed of. */
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

  /** A block inside this one, which sees what this one has computed so far. */
  inner(): Block {
    return new Block(this.#bindings, this.#given, this);
  }

  /** The four elements from the coordinates on, along the last axis, as the name of a `vec4<f32>`. */
  vector(value: Value, coordinates: Coordinates): string {
    return this.#once("v", value, coordinates, () => this.#vector(value, coordinates));
  }

  /** The same rounded to float16, as a `vec4<f16>`: without a conversion where they lie in memory as such. */
  f16(value: Value, coordinates: Coordinates): string {
    return this.storedF16(value, coordinates) ?? `vec4<f16>(${this.vector(value, coordinates)})`;
  }

  /** Four elements as a `vec4<f16>`; `undefined` where they do not lie in memory as such. */
  storedF16(value: Value, coordinates: Coordinates): string | undefined {
    const stored = this.#stored(value, coordinates, 4);
    if (stored === undefined || this.#bindings.typeOf(stored.value) !== "f16") return undefined;
    const { name, offset } = this.#bindings.read(stored.value);
    return `${name}[${vectorIndex(stored.rows, stored.value, stored.column, offset)}]`;
  }

  /**
   * Eight float16 from the coordinates on, as they lie in memory, as a `vec4<u32>`.
   * @returns `undefined` where they do not lie side by side from a multiple of sixteen bytes on.
   */
  vec8(value: Value, coordinates: Coordinates): string | undefined {
    const stored = this.#stored(value, coordinates, 8);
    const name = stored && this.#bindings.readVec8(stored.value);
    if (stored === undefined || name === undefined) return undefined;
    const { rows, column } = stored;
    return `${name}[${rows.text} * ${Number(stored.value.shape.at(-1)) / 8}u + ${column.text} / 8u]`;
  }

  /** The tensor in memory where elements that are neighbours in a value are neighbours, and where in it. */
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
    const own = viewedCoordinates(value, operation, coordinates);
    return staysARow(value, operation, own, count) ? this.#stored(operation.operand, own, count) : undefined;
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
      case "concatenate":
        return operation.axis === value.shape.length - 1
          ? this.#lanes(value, coordinates)
          : this.#concatenated(operation, coordinates, (operand, own) => this.vector(operand, own));
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
      case "concatenate":
        return this.#concatenated(operation, coordinates, (operand, own) => this.scalar(operand, own));
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
      const own = broadcastCoordinates(operand, coordinates);
      return type === "f32" ? this.scalar(operand, own) : this.vector(operand, own);
    };
    const gelu = this.#wholeGelu(value);
    if (gelu !== undefined) return this.#special("gelu4", emit(gelu), type);
    if (name === "erf") return this.#special("erf4", emit(operands[0] as Value), type);
    if (name === "tanh") return this.#special("tanh4", emit(operands[0] as Value), type);
    return elementwiseText[name](operands.map(emit), type);
  }

  #special(name: SpecialFunction, operand: string, type: "vec4<f32>" | "f32"): string {
    this.#bindings.useSpecial(name);
    return type === "f32" ? `${name}(vec4<f32>(${operand})).x` : `${name}(${operand})`;
  }

  /** The operand of a GELU of which no part is in memory. */
  #wholeGelu(value: Value): Value | undefined {
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

  #viewedVector(
    value: Value,
    operation: Extract<Operation, { kind: "slice" | "reshape" | "transpose" }>,
    coordinates: Coordinates,
  ): string {
    const own = viewedCoordinates(value, operation, coordinates);
    return staysARow(value, operation, own) ? this.vector(operation.operand, own) : this.#lanes(value, coordinates);
  }

  /** Four elements one by one, for a view in which they are not neighbours. Past the row's end the last one is repeated. */
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

  #concatenated(
    { operands, axis }: Extract<Operation, { kind: "concatenate" }>,
    coordinates: Coordinates,
    emit: (operand: Value, coordinates: Coordinates) => string,
  ): string {
    const here = coordinates[axis] ?? zero;
    let start = 0;
    let text = "";
    for (const operand of operands) {
      const extent = operand.shape[axis] as number;
      // Outside the operand the element is computed as well, at some coordinate inside, and not used.
      const own = { text: `min(max(${here.text}, ${start}u) - ${start}u, ${extent - 1}u)`, multipleOf: 1 };
      const element = emit(
        operand,
        coordinates.map((coordinate, index) => (index === axis ? own : coordinate)),
      );
      text = text === "" ? element : `select(${text}, ${element}, ${here.text} >= ${start}u)`;
      start += extent;
    }
    return text;
  }

  /** Over a whole row, by one invocation: for rows of a few elements. */
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

/** The index of a vector by its row, its first column and where its tensor begins. */
export function vectorIndex(rows: Coordinate, { shape }: Value, column: Coordinate, offset = 0): string {
  const terms = [
    ...(offset === 0 ? [] : [`${offset}u`]),
    ...(rows.text === "0u" ? [] : [`${rows.text} * ${rowVectorsText(shape)}`]),
    ...(column.text === "0u" ? [] : [`${column.text} / 4u`]),
  ];
  return terms.length === 0 ? "0u" : terms.join(" + ");
}

/** The lowest float32. */
export const lowest = "-3.4028234663852886e38f";

/** A vector with `instead` in place of what lies beyond the row's end. */
export function maskTail(vector: string, column: string, last: Extent, instead: string): string {
  if (typeof last === "number" && last % 4 === 0) return vector;
  const columns = `vec4<u32>(${column}) + vec4<u32>(0u, 1u, 2u, 3u)`;
  return `select(vec4<f32>(${instead}), ${vector}, ${columns} < vec4<u32>(${extentText(last)}))`;
}

/** A vector's four lanes reduced to one. */
export function acrossLanes(name: "sum" | "max", vector: string): string {
  if (name === "sum") return `((${vector}.x + ${vector}.y) + (${vector}.z + ${vector}.w))`;
  return `max(max(${vector}.x, ${vector}.y), max(${vector}.z, ${vector}.w))`;
}

/** The coordinates of the element of an operand that takes part in an element of the result. */
export function broadcastCoordinates({ shape }: Value, coordinates: Coordinates): Coordinates {
  const missing = coordinates.length - shape.length;
  return shape.map((extent, axis) => (extent === 1 ? zero : (coordinates[axis + missing] ?? zero)));
}

function viewedCoordinates(
  value: Value,
  operation: Extract<Operation, { kind: "slice" | "reshape" | "transpose" }>,
  coordinates: Coordinates,
): Coordinates {
  switch (operation.kind) {
    case "slice":
      return coordinates.map((coordinate, axis) =>
        axis === operation.axis ? plus(coordinate, operation.start) : coordinate,
      );
    case "reshape":
      return throughReshape(coordinates, value.shape, operation.operand.shape);
    case "transpose": {
      const own: Coordinate[] = [];
      operation.permutation.forEach((axis, index) => {
        own[axis] = coordinates[index] ?? zero;
      });
      return own;
    }
  }
}

/** Whether so many neighbours in a view that start at a multiple of them are neighbours in what is viewed. */
function staysARow(
  value: Value,
  operation: Extract<Operation, { kind: "slice" | "reshape" | "transpose" }>,
  own: Coordinates,
  count: 4 | 8 = 4,
): boolean {
  const rank = value.shape.length;
  switch (operation.kind) {
    case "slice":
      return (own.at(-1)?.multipleOf ?? 0) % count === 0;
    case "transpose":
      return operation.permutation[rank - 1] === rank - 1;
    case "reshape": {
      const [seen, viewed] = [value.shape.at(-1), operation.operand.shape.at(-1)];
      if (seen === viewed) return true;
      const isWhole = [seen, viewed].every((extent) => typeof extent === "number" && extent % count === 0);
      return isWhole && (own.at(-1)?.multipleOf ?? 0) % count === 0;
    }
  }
}
