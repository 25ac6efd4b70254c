/**
 * What is predicted for a question, and what a way of scoring must offer to predict it.
 */
import type { WindowLogits } from "../answer/window-scores.ts";
import type { Encoding } from "../text/encoding.ts";
import type { TextWindow, WindowOptions } from "../text/windows.ts";

/** One line of the n-best list, in the official scripts' names; the empty text is the null answer. */
export interface NBestEntry {
  readonly text: string;
  readonly probability: number;
  /** Absent where answers are scored by probabilities. */
  readonly start_logit?: number;
  readonly end_logit?: number;
}

export interface Prediction {
  /** The best piece of the context, before any threshold. */
  readonly text: string;
  /** How much better the null answer scores than the best piece: above the threshold there is no answer. */
  readonly nullOdds: number;
  /** Best first. */
  readonly nBest: readonly NBestEntry[];
}

/** Collects one question's windows, in any order. */
export interface PredictionCollector {
  add(window: TextWindow, logits: WindowLogits): void;
  result(): Prediction;
}

export interface ScoringMethod {
  /** A longer question is cut, in tokens. */
  readonly maxQuestionLength: number;
  windowOptions(questionLength: number): WindowOptions;
  collector(context: Encoding, questionLength: number): PredictionCollector;
}

/** How long n-best lists are. */
export const nBestSize = 20;
