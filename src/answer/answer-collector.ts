/**
 * Collects the answers to one question from one text, window by window.
 *
 * Must stay true: memory does not grow with the number of windows; the result does not depend on the order in which
 * windows arrive; `text` is the piece of the context between `start` and `end`, always.
 */
import type { Encoding } from "../text/encoding.ts";
import type { TextWindow } from "../text/windows.ts";
import type { ResolvedAnswerOptions } from "./options.ts";
import { TopSpans } from "./top-spans.ts";
import { scoreWindow, type WindowLogits, type WindowScores } from "./window-scores.ts";

export interface Answer {
  /** `context.slice(start, end)`. */
  readonly text: string;
  /** A probability, or with `scoring: "logits"` a sum of logits relative to no answer. */
  readonly score: number;
  /** UTF-16 code units. */
  readonly start: number;
  /** UTF-16 code units, exclusive. */
  readonly end: number;
}

export interface AnswerResult {
  /** Best first, at most `topK`; empty when the text holds no answer and that was asked for. */
  readonly answers: readonly Answer[];
  /** The smallest score of the empty answer over all windows (with `scoring: "logits"` always 0, its reference). */
  readonly noAnswerScore: number;
  /** How many windows the text was read in. */
  readonly windows: number;
  /** What the model read of a question that was too long and, as asked, was shortened. */
  readonly truncatedQuestion?: string;
}

type NoAnswerOptions = Pick<ResolvedAnswerOptions, "handleImpossibleAnswer" | "scoring" | "noAnswerThreshold">;

/** Whether, as asked, no answer at all is better than the best of `answers` (best first). */
export function isImpossible(
  answers: readonly Pick<Answer, "score">[],
  noAnswerScore: number,
  { handleImpossibleAnswer, scoring, noAnswerThreshold }: NoAnswerOptions,
): boolean {
  const least = scoring === "logits" ? noAnswerThreshold : noAnswerScore;
  return handleImpossibleAnswer && (answers[0]?.score ?? Number.NEGATIVE_INFINITY) < least;
}

export class AnswerCollector {
  readonly #context: Encoding;
  readonly #options: ResolvedAnswerOptions;
  readonly #best: TopSpans;
  #noAnswerScore = Number.POSITIVE_INFINITY;
  #windows = 0;

  constructor(context: Encoding, options: ResolvedAnswerOptions) {
    this.#context = context;
    this.#options = options;
    this.#best = new TopSpans(options.topK);
  }

  add(window: TextWindow, logits: WindowLogits): void {
    const { contextOffset, contextStart, contextEnd } = window;
    const scores = scoreWindow(logits, contextOffset, contextEnd - contextStart, this.#options.scoring);
    this.#windows++;
    this.#noAnswerScore = Math.min(this.#noAnswerScore, scores.noAnswer);
    this.#offerSpans(scores, contextStart);
  }

  result(): AnswerResult {
    const { text } = this.#context;
    const answers = this.#best.toArray().map((span) => ({ ...span, text: text.slice(span.start, span.end) }));
    const noAnswerScore = this.#noAnswerScore;
    return {
      answers: isImpossible(answers, noAnswerScore, this.#options) ? [] : answers,
      noAnswerScore,
      windows: this.#windows,
    };
  }

  /** Every span of the window that can still be among the best. */
  #offerSpans({ start, end }: WindowScores, contextStart: number): void {
    const { maxAnswerLength, scoring } = this.#options;
    for (let first = 0; first < start.length; first++) {
      const afterLast = Math.min(first + maxAnswerLength, end.length);
      for (let last = first; last < afterLast; last++) {
        const [s, e] = [start[first] as number, end[last] as number];
        const score = scoring === "probability" ? s * e : s + e;
        if (score >= this.#best.floor) this.#offer(contextStart + first, contextStart + last, score);
      }
    }
  }

  #offer(firstToken: number, lastToken: number, score: number): void {
    const { starts, ends } = this.#context;
    const [first, last] = this.#options.alignToWords ? this.#widen(firstToken, lastToken) : [firstToken, lastToken];
    const span = { start: starts[first] as number, end: ends[last] as number, score };
    if (span.start < span.end) this.#best.offer(span);
  }

  /** The first token of the first token's word, the last token of the last token's word. */
  #widen(firstToken: number, lastToken: number): readonly [number, number] {
    const { words } = this.#context;
    let [first, last] = [firstToken, lastToken];
    while (first > 0 && words[first - 1] === words[first]) first--;
    while (last + 1 < words.length && words[last + 1] === words[last]) last++;
    return [first, last];
  }
}
