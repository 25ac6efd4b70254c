/**
 * The parts of a model, and which part a parameter belongs to, by its name.
 *
 * Passes replace a program's values but keep its parameters, so their names tell what a rewritten value is part of.
 */

/** In order of computation. */
export const parts = [
  "embeddings",
  "input LayerNorm",
  "query, key, value",
  "attention",
  "attention output",
  "attention LayerNorm",
  "intermediate",
  "output",
  "output LayerNorm",
  "head",
] as const;

export type Part = (typeof parts)[number];

/** A module of a layer: a dense layer or a LayerNorm. */
export interface LayerModule {
  readonly part: Part;
  /** The stage that its bias completes; absent where none is. */
  readonly stage?: string;
}

/** By the module's name within its layer: `attention.self.query`. */
export type LayerModules = ReadonlyMap<string, LayerModule>;

/** What a parameter's name says. */
export interface ParameterPlace extends LayerModule {
  /** Absent outside layers, and where layers share the parameter. */
  readonly layer?: number;
}

export const isNormPart = (part: Part): boolean => part.endsWith("LayerNorm");
