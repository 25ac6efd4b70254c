/** Predictions, and the interface of scoring methods. */
import type { WindowLogits } from "../answer/window-scores.ts";
import type { Encoding } from "../text/encoding.ts";
import type { TextWindow, WindowOptions } from "../text/windows.ts";

/** An entry of an n-best list, with the official scripts' names; the empty text is the null answer. */
export interface NBestEntry {
  readonly text: string;
  readonly probability: number;
  /** Absent if answers are scored by probability. */
  readonly start_logit?: number;
  readonly end_logit?: number;
}

export interface Prediction {
  /** The best non-null answer, before any threshold. */
  readonly text: string;
  /** Score of the null answer minus that of `text`: above the threshold there is no answer. */
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
  /** In tokens; a longer question is cut. */
  readonly maxQuestionLength: number;
  /** @param specials the number of special tokens in a sequence. */
  windowOptions(questionLength: number, specials: number): WindowOptions;
  collector(context: Encoding, questionLength: number, specials: number): PredictionCollector;
}

/** Length of n-best lists. */
export const nBestSize = 20;
