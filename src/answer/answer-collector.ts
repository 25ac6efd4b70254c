/**
 * Collects the answers to one question from one text, window by window.
 *
 * Must stay true: memory does not grow with the number of windows; the result does not depend on the order of windows;
 * `text` is always the context between `start` and `end`.
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
  /** `context.slice(start, end)`, for offsets in UTF-16 code units. */
  readonly text: string;
  /** A probability, or with `scoring: "logits"` the sum of logits relative to no answer. */
  readonly score: number;
  /** In UTF-16 code units, as in JavaScript; with `offsetUnit: "code-point"` in code points, as in Python. */
  readonly start: number;
  /** In the same unit; exclusive. */
  readonly end: number;
}

export interface AnswerResult {
  /** Best first, at most `topK`; empty if there is no answer and `handleImpossibleAnswer` is set. */
  readonly answers: readonly Answer[];
  /** The lowest score of the empty answer over all windows; with `scoring: "logits"` always 0. */
  readonly noAnswerScore: number;
  /** Number of windows of the text. */
  readonly windows: number;
  /** The part of a too long question that the model read, with `truncateQuestion`. */
  readonly truncatedQuestion?: string;
  /** The question's `id`, if any. */
  readonly id?: string;
}

type NoAnswerOptions = Pick<ResolvedAnswerOptions, "handleImpossibleAnswer" | "scoring" | "noAnswerThreshold">;

/** Whether no answer beats the first and best of `answers`, and `handleImpossibleAnswer` is set. */
export function isImpossible(
  answers: readonly Pick<Answer, "score">[],
  noAnswerScore: number,
  { handleImpossibleAnswer, scoring, noAnswerThreshold }: NoAnswerOptions,
): boolean {
  const threshold = scoring === "logits" ? noAnswerThreshold : noAnswerScore;
  return handleImpossibleAnswer && (answers[0]?.score ?? Number.NEGATIVE_INFINITY) < threshold;
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

  /** Offers every span of the window that can be among the best. */
  #offerSpans({ start, end }: WindowScores, contextStart: number): void {
    const { maxAnswerLength, scoring } = this.#options;
    for (let first = 0; first < start.length; first++) {
      const limit = Math.min(first + maxAnswerLength, end.length);
      for (let last = first; last < limit; last++) {
        const [s, e] = [start[first] as number, end[last] as number];
        const score = scoring === "probability" ? s * e : s + e;
        if (score >= this.#best.minScore) this.#offer(contextStart + first, contextStart + last, score);
      }
    }
  }

  #offer(firstToken: number, lastToken: number, score: number): void {
    const span = { start: this.#edges.startOf(firstToken), end: this.#edges.endOf(lastToken), score };
    if (span.start < span.end) this.#best.offer(span);
  }
}
