/**
 * The tensor-expression program: what is computed, never how.
 *
 * A program is a graph of immutable values in single assignment. Each value is one textbook operation on earlier
 * values; named values are *stages*, and the requested stages are the outputs. Engines run a program, and passes
 * rewrite it into an equivalent one. Because values never change, a pass shares everything it does not rewrite.
 *
 * An operation is *one-relies-on-one* when each element of its result needs one element of each operand (elementwise,
 * gather, reshape, transpose, slice), and *one-relies-on-many* when it needs a whole row (reduce, matmul): the
 * distinction of Souffle (Xia et al., ASPLOS 2024), from which fusion follows.
 *
 * Must stay true: no cycles, shapes are checked when a value is built (`build.ts`), and a value says nothing of
 * devices, tiles or precision.
 */

/** An extent bound at run time. `tokens` counts the tokens of all sequences of a packed batch. */
export type SymbolicExtent = "batch" | "sequence" | "keys" | "tokens";

export type Extent = number | SymbolicExtent;

export type Shape = readonly Extent[];

/** Element type; the engine chooses the precision. */
export type ElementType = "real" | "integer";

/**
 * Elementwise functions and their number of operands. `select(condition, a, b)` is `a` where the condition is not zero,
 * else `b`; NaN in the other branch does not propagate. `equal` and `less` give 1 or 0.
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
  less: 2,
  select: 3,
} as const;

export type ElementwiseFunction = keyof typeof elementwiseArity;

export type ReduceFunction = "sum" | "max";

export type Operation =
  /** A tensor passed at run time. */
  | { readonly kind: "input"; readonly name: string }
  /** A checkpoint's tensor, by its canonical name. */
  | { readonly kind: "parameter"; readonly name: string }
  /** A scalar. */
  | { readonly kind: "constant"; readonly value: number }
  /** A constant tensor that the program brings along, row-major: buckets of distances, angles of positions. */
  | { readonly kind: "table"; readonly name: string; readonly values: Float32Array }
  /** `result[..., h] = table[indices[...], h]`. */
  | { readonly kind: "gather"; readonly table: Value; readonly indices: Value }
  /** `result[..., j] = operand[..., indices[..., j]]`; the leading axes of `indices` broadcast to the operand's. */
  | { readonly kind: "take"; readonly operand: Value; readonly indices: Value }
  /** Operands broadcast as in NumPy. */
  | { readonly kind: "elementwise"; readonly function: ElementwiseFunction; readonly operands: readonly Value[] }
  /** Over the last axis, which is kept with extent 1. */
  | { readonly kind: "reduce"; readonly function: ReduceFunction; readonly operand: Value }
  /** `[..., m, k] × [..., k, n]`; the leading axes are equal, or the right operand lacks the first of them. */
  | { readonly kind: "matmul"; readonly left: Value; readonly right: Value }
  /** Axis `i` of the result is axis `permutation[i]` of the operand. */
  | { readonly kind: "transpose"; readonly operand: Value; readonly permutation: readonly number[] }
  /** The same elements in row-major order, in the value's shape. */
  | { readonly kind: "reshape"; readonly operand: Value }
  /** Elements [start, end) of one axis. */
  | {
      readonly kind: "slice";
      readonly operand: Value;
      readonly axis: number;
      readonly start: number;
      readonly end: number;
    }
  | { readonly kind: "concatenate"; readonly operands: readonly Value[]; readonly axis: number };

/** One tensor of a program, identified by object identity. */
export interface Value {
  readonly operation: Operation;
  readonly shape: Shape;
  readonly type: ElementType;
}

export interface Program {
  /** The stages to compute, by name, in order of computation. */
  readonly outputs: ReadonlyMap<string, Value>;
  /**
   * Stages that a run may return if they are stored anyway. Nothing is computed or stored for their sake, and a pass
   * may drop them.
   */
  readonly observed?: ReadonlyMap<string, Value>;
}

/** The values an operation reads, in order. */
export function operandsOf(operation: Operation): readonly Value[] {
  switch (operation.kind) {
    case "input":
    case "parameter":
    case "constant":
    case "table":
      return [];
    case "gather":
      return [operation.table, operation.indices];
    case "take":
      return [operation.operand, operation.indices];
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

/**
 * The program reduced to the given outputs and the values they need.
 * @throws RangeError for an unknown stage.
 */
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

/** As `selectOutputs`, but the other stages become observed. */
export function observeOthers(program: Program, names: readonly string[]): Program {
  const { outputs } = selectOutputs(program, names);
  return { outputs, observed: new Map([...program.outputs].filter(([name]) => !outputs.has(name))) };
}
