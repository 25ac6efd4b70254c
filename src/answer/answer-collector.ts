/**
 * Collects the answers to one question from one text, window by window.
 *
 * Must stay true: memory does not grow with the number of windows; the result does not depend on the order in which
 * windows arrive; `text` is the piece of the context between `start` and `end`, always.
 */
import type { Encoding } from "../text/encoding.ts";
import type { TextWindow } from "../text/windows.ts";
import { AnswerEdges } from "./answer-edges.ts";
import { inUnit } from "./code-points.ts";
import { disjoint, spansForDisjoint } from "./disjoint-spans.ts";
import type { ResolvedAnswerOptions } from "./options.ts";
import { TopSpans } from "./top-spans.ts";
import { scoreWindow, type WindowLogits, type WindowScores } from "./window-scores.ts";

export interface Answer {
  /** `context.slice(start, end)`, with offsets in UTF-16 code units. */
  readonly text: string;
  /** A probability, or with `scoring: "logits"` a sum of logits relative to no answer. */
  readonly score: number;
  /** In UTF-16 code units, as JavaScript counts; with `offsetUnit: "code-point"` in code points, as Python does. */
  readonly start: number;
  /** In the same unit, exclusive. */
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
  /** The question's `id`, if it was given one. */
  readonly id?: string;
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
  readonly #edges: AnswerEdges;
  readonly #best: TopSpans;
  #noAnswerScore = Number.POSITIVE_INFINITY;
  #windows = 0;

  constructor(context: Encoding, options: ResolvedAnswerOptions) {
    this.#context = context;
    this.#options = options;
    this.#edges = new AnswerEdges(context, options.alignToWords);
    const { overlap, topK, maxAnswerLength } = options;
    this.#best = new TopSpans(overlap === "none" ? spansForDisjoint(topK, maxAnswerLength) : topK);
  }

  add(window: TextWindow, logits: WindowLogits): void {
    const { contextOffset, contextStart, contextEnd } = window;
    const scores = scoreWindow(logits, contextOffset, contextEnd - contextStart, this.#options.scoring);
    this.#windows++;
    this.#noAnswerScore = Math.min(this.#noAnswerScore, scores.noAnswer);
    this.#offerSpans(scores, contextStart);
    this.#edges.clear();
  }

  result(): AnswerResult {
    const { text } = this.#context;
    const { overlap, topK, offsetUnit } = this.#options;
    const best = this.#best.toArray();
    const spans = overlap === "none" ? disjoint(best, topK) : best;
    const found = spans.map(({ score, start, end }) => ({ text: text.slice(start, end), score, start, end }));
    const answers = inUnit(found, text, offsetUnit);
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
    const span = { start: this.#edges.startOf(firstToken), end: this.#edges.endOf(lastToken), score };
    if (span.start < span.end) this.#best.offer(span);
  }
}
