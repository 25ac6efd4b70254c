/**
 * Computes each token's contribution to a span's score, and the no-answer score, from one window's logits.
 *
 * Probability (v4's): a softmax over the context's tokens and [CLS] for each end; a span scores p_start(i)·p_end(j),
 * the empty span p_start(CLS)·p_end(CLS). Logits: a span scores (s_i − s_CLS) + (e_j − e_CLS), the empty span 0; the
 * window's normaliser cancels, so that scores of different windows are comparable.
 *
 * Must stay true: computed in float64, for every engine.
 */
import { EngineError } from "../errors.ts";
import type { Scoring } from "./options.ts";

/** Two logits for every token of a window. */
export interface WindowLogits {
  readonly start: ArrayLike<number>;
  readonly end: ArrayLike<number>;
}

/** Each context token's contribution as an answer's first or last one. */
export interface WindowScores {
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** The score of the empty answer. */
  readonly noAnswer: number;
}

/** [CLS] is the first token of every window. */
const cls = 0;

/**
 * @param contextOffset the position of the first context token in the window.
 * @param contextLength the number of context tokens.
 * @throws EngineError if a logit is not a finite number.
 */
export function scoreWindow(
  logits: WindowLogits,
  contextOffset: number,
  contextLength: number,
  scoring: Scoring,
): WindowScores {
  const start = candidates(logits.start, contextOffset, contextLength);
  const end = candidates(logits.end, contextOffset, contextLength);
  const normalize = scoring === "probability" ? softmax : relativeToFirst;
  normalize(start);
  normalize(end);
  const [noStart = 0, noEnd = 0] = [start[0], end[0]];
  return {
    start: start.subarray(1),
    end: end.subarray(1),
    noAnswer: scoring === "probability" ? noStart * noEnd : noStart + noEnd,
  };
}

/** [CLS]'s logit, then the context's. */
function candidates(logits: ArrayLike<number>, contextOffset: number, contextLength: number): Float64Array {
  const values = new Float64Array(contextLength + 1);
  for (let index = 0; index <= contextLength; index++) {
    const position = index === 0 ? cls : contextOffset + index - 1;
    values[index] = finiteLogit(logits, position);
  }
  return values;
}

/** @throws EngineError if the logit is not a finite number. */
export function finiteLogit(logits: ArrayLike<number>, position: number): number {
  const logit = logits[position] ?? Number.NaN;
  if (Number.isFinite(logit)) return logit;
  throw new EngineError({
    found: `the logit of token ${position} is ${logit}`,
    expected: "finite numbers",
    advice: "The engine or the model's weights are at fault.",
  });
}

function softmax(values: Float64Array): void {
  const largest = values.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
  let total = 0;
  for (let index = 0; index < values.length; index++) {
    const exponential = Math.exp((values[index] as number) - largest);
    values[index] = exponential;
    total += exponential;
  }
  for (let index = 0; index < values.length; index++) values[index] = (values[index] as number) / total;
}

function relativeToFirst(values: Float64Array): void {
  const first = values[0] as number;
  for (let index = 0; index < values.length; index++) values[index] = (values[index] as number) - first;
}
