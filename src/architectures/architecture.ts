/**
 * What a model family says about itself: everything that the rest of fusebert asks of it.
 *
 * Each family has a folder with one object of this type, which `families.ts` lists.
 *
 * Must stay true: a program reads only parameters of `parameters`, and a configuration says everything that decides what
 * the program computes.
 */
import type { JsonObject } from "../checkpoint/json.ts";
import type { Program, Value } from "../program/program.ts";
import type { NamedExtent } from "./extents.ts";
import type { LayerModules } from "./parts.ts";

export type FamilyName =
  | "albert"
  | "bert"
  | "deberta-v2"
  | "distilbert"
  | "electra"
  | "modernbert"
  | "mpnet"
  | "roberta";

/** What all families have in common; each adds its own settings. */
export interface ModelConfig {
  readonly family: FamilyName;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediateSize: number;
  /** The longest sequence, in tokens. */
  readonly maxPositions: number;
  /** Rows of the table of token types; 0 without one. With fewer than 2, every token has type 0. */
  readonly tokenTypes: number;
  readonly layerNormEps: number;
  readonly padTokenId: number;
  /**
   * The id that counts as padding for positions, where position ids begin after it (RoBERTa): a token has the number of
   * tokens up to and including it that are not padding, plus this id; padding has this id. Absent: 0, 1, 2, …
   */
  readonly positionPadding?: number;
}

/** What a layer computes from. */
export interface LayerInputs {
  /** [batch, queries, hidden]: the positions to compute. */
  readonly hidden: Value;
  /** [batch, keys]: 0 at masked keys. */
  readonly mask: Value;
  /** [batch, keys, hidden]: the positions attended to; the same as `hidden` in a whole model. */
  readonly keyStates: Value;
  /** [batch, queries] and [batch, keys]: the index of each token in its sequence. */
  readonly queryIndices: Value;
  readonly keyIndices: Value;
}

/** Receives a layer's stages. */
export type StageRecorder = (stage: string, value: Value) => Value;

export interface Architecture<C extends ModelConfig = ModelConfig> {
  readonly family: C["family"];
  /** The prefix of the encoder's parameters in files: `bert.`. */
  readonly prefix: string;
  /** The canonical name of the dense layer that computes the logits. */
  readonly head: string;
  /** Other modules between the last layer and the logits. */
  readonly beforeHead?: readonly string[];
  /** @throws CheckpointError that names the field. */
  readonly readConfig: (object: JsonObject, fileName: string) => C;
  /** The parameters by canonical name, in order of computation, with their shapes. */
  readonly parameters: (config: C) => ReadonlyMap<string, readonly NamedExtent[]>;
  /** The field of config.json that counts the layers with parameters of their own. */
  readonly layerField: string;
  /** Matches names of a layer's parameters; its first group is the layer's index. */
  readonly layerParameter: RegExp;
  /** Of every layer. */
  readonly modules: LayerModules;
  /** Whether layers have parameters in common, so that a name does not tell the layer. */
  readonly sharesLayers?: boolean;
  /** The whole model; every stage is an output. */
  readonly program: (config: C) => Program;
  /** One layer; returns its output. */
  readonly layer: (config: C, layer: number, inputs: LayerInputs, stage: StageRecorder) => Value;
  /** A layer's stages in order of computation, and the shape of each after [batch, sequence]. */
  readonly layerStages: (config: C) => ReadonlyMap<string, StageShape>;
  /** Products of head size that a score sums up, which its factor 1/√(terms · head size) counts. Absent: 1. */
  readonly scoreTerms?: (config: C) => number;
}

/** `scores` is [batch, heads, sequence, sequence], `heads` [batch, heads, sequence, head size]; a number is [batch, sequence, number]. */
export type StageShape = "scores" | "heads" | number;
