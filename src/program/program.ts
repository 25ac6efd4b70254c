/**
 * The tensor-expression program: what is computed, never how.
 *
 * A program is a graph of immutable values in single assignment. Each value is one textbook operation on earlier values;
 * the named ones are the program's *stages*, and the stages asked for are its outputs. Engines run a program, passes
 * rewrite it into an equal one, and because a value never changes, a pass can share everything it leaves alone.
 *
 * An operation is *one-relies-on-one* when each element of its result needs one element of each operand (elementwise,
 * gather, reshape, transpose, slice), and *one-relies-on-many* when it needs a whole row (reduce, matmul): the
 * distinction of Souffle (Xia et al., ASPLOS 2024), from which fusion follows.
 *
 * Must stay true: no cycles, shapes are checked when a value is built (`build.ts`), and a value says nothing of devices,
 * tiles or precision.
 */

/** An extent known only when the program runs. `tokens` counts the tokens of all sequences of a packed batch. */
export type SymbolicExtent = "batch" | "sequence" | "keys" | "tokens";

/** The length of one axis. */
export type Extent = number | SymbolicExtent;

export type Shape = readonly Extent[];

/** What a value's elements are. Precision is an engine's choice, not the program's. */
export type ElementType = "real" | "integer";

/**
 * Functions of single elements, by number of operands. `select(condition, a, b)` is `a` where the condition is not
 * zero, else `b`: whatever stands at the other branch, NaN included, does not reach the result. `equal` is 1 or 0.
 */
export const elementwiseArity = {
  add: 2,
  subtract: 2,
  multiply: 2,
  divide: 2,
  maximum: 2,
  exp: 1,
  sqrt: 1,
  erf: 1,
  tanh: 1,
  equal: 2,
  select: 3,
} as const;

export type ElementwiseFunction = keyof typeof elementwiseArity;

export type ReduceFunction = "sum" | "max";

export type Operation =
  /** Given when the program runs. */
  | { readonly kind: "input"; readonly name: string }
  /** A checkpoint's tensor, by its canonical name. */
  | { readonly kind: "parameter"; readonly name: string }
  /** A scalar. */
  | { readonly kind: "constant"; readonly value: number }
  /** `result[..., h] = table[indices[...], h]`. */
  | { readonly kind: "gather"; readonly table: Value; readonly indices: Value }
  /** Operands broadcast as in NumPy. */
  | { readonly kind: "elementwise"; readonly function: ElementwiseFunction; readonly operands: readonly Value[] }
  /** Over the last axis, which stays with extent 1. */
  | { readonly kind: "reduce"; readonly function: ReduceFunction; readonly operand: Value }
  /** `[..., m, k] × [..., k, n]`; the leading axes are equal, or the right operand has none. */
  | { readonly kind: "matmul"; readonly left: Value; readonly right: Value }
  /** Axis `i` of the result is axis `permutation[i]` of the operand. */
  | { readonly kind: "transpose"; readonly operand: Value; readonly permutation: readonly number[] }
  /** The same elements in row-major order under the value's own shape. */
  | { readonly kind: "reshape"; readonly operand: Value }
  /** The elements `start` up to, not including, `end` of one axis. */
  | {
      readonly kind: "slice";
      readonly operand: Value;
      readonly axis: number;
      readonly start: number;
      readonly end: number;
    }
  /** One operand after another along an axis. */
  | { readonly kind: "concatenate"; readonly operands: readonly Value[]; readonly axis: number };

/** One tensor of a program. Identity is the object itself. */
export interface Value {
  readonly operation: Operation;
  readonly shape: Shape;
  readonly type: ElementType;
}

export interface Program {
  /** The stages this program must produce, by name, in the order they are computed. */
  readonly outputs: ReadonlyMap<string, Value>;
  /**
   * Stages that somebody would like to see where they come to be stored anyway. They keep nothing alive: nothing is
   * computed or stored for them, and a pass that has no use for one lets it go.
   */
  readonly observed?: ReadonlyMap<string, Value>;
}

/** The values an operation reads, in order. */
export function operandsOf(operation: Operation): readonly Value[] {
  switch (operation.kind) {
    case "input":
    case "parameter":
    case "constant":
      return [];
    case "gather":
      return [operation.table, operation.indices];
    case "elementwise":
    case "concatenate":
      return operation.operands;
    case "matmul":
      return [operation.left, operation.right];
    case "reduce":
    case "transpose":
    case "reshape":
    case "slice":
      return [operation.operand];
  }
}

/** The same program asked for fewer stages: what only the others needed is no longer part of it. */
export function selectOutputs(program: Program, names: readonly string[]): Program {
  const outputs = new Map<string, Value>();
  for (const name of names) {
    const value = program.outputs.get(name);
    if (value === undefined) {
      throw new RangeError(`the program has no stage ${name}; it has ${[...program.outputs.keys()].join(", ")}`);
    }
    outputs.set(name, value);
  }
  return { outputs };
}

/** The same program asked for fewer stages, the others observed. */
export function observeOthers(program: Program, names: readonly string[]): Program {
  const { outputs } = selectOutputs(program, names);
  return { outputs, observed: new Map([...program.outputs].filter(([name]) => !outputs.has(name))) };
}
