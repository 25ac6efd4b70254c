/** A deviation of a kernel from a model's layer: a hypothesis that a diagnosis tests. */
import type { Program, Value } from "../program/program.ts";
import { rewrite } from "../rewrites/rewrite.ts";
import type { ModelConfig } from "./architecture.ts";

export interface Deviation {
  /** Stable name in options and JSON: `no-bias:query`. */
  readonly id: string;
  /** Deviations of one group exclude each other. */
  readonly group?: string;
  /** Predicate of a sentence about the kernel: `leaves out the bias of the query`. */
  readonly says: string;
  /** A deliberate shortcut in a kernel, as opposed to a mistake. */
  readonly simplification: boolean;
  /** The result bears so little relation to the original that it and other deviations hide each other. */
  readonly scrambles?: boolean;
  /** It is about the whole layer: a stage that it would change, and that is right without it, contradicts it. */
  readonly everywhere?: boolean;
  readonly apply: (program: Program) => Program;
}

/** The hypotheses about a layer of a family, in order of application. */
export type Deviations<C extends ModelConfig> = (config: C, layer: number) => readonly Deviation[];

/** A rewrite by a rule that returns nothing for values it leaves. */
export const rule = (transform: (value: Value) => Value | undefined) => (program: Program) =>
  rewrite(program, (value) => transform(value) ?? value);
