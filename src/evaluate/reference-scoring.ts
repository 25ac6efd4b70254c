/**
 * Predictions as in BERT's reference script for SQuAD (`run_squad.py`), the scoring behind published figures.
 *
 * Windows of 384 tokens begin every 128 tokens. In each window the 20 best start and the 20 best end logits are paired;
 * a pair counts if both tokens are in the context, the answer has at most 30 tokens, and this is its first token's best
 * window (`max-context.ts`). Its score is the sum of the two logits, not normalised. The score of the null answer is
 * the smallest sum of [CLS]'s two logits over all windows.
 *
 * Must stay true: the result does not depend on the order of windows. The script estimates an answer's position in the
 * text from its tokens; here the text is cut at exact offsets, never inside a grapheme cluster.
 */

import { AnswerEdges } from "../answer/answer-edges.ts";
import { finiteLogit, type WindowLogits } from "../answer/window-scores.ts";
import type { Encoding } from "../text/encoding.ts";
import type { TextWindow } from "../text/windows.ts";
import { bestWindowStart, type WindowLayout } from "./max-context.ts";
import {
  type NBestEntry,
  nBestSize,
  type Prediction,
  type PredictionCollector,
  type ScoringMethod,
} from "./prediction.ts";

const maxSequenceLength = 384;
/** The distance between windows; elsewhere in fusebert, as in Hugging Face, a stride is their overlap. */
const stride = 128;
const maxQuestionLength = 64;
const maxAnswerLength = 30;
/** The script's null odds without any pair: JSON has no infinity. */
const noPairOdds = 1_000_000;

interface Candidate {
  readonly text: string;
  readonly startLogit: number;
  readonly endLogit: number;
  /** Ties go to the earlier and shorter answer. */
  readonly start: number;
  readonly end: number;
}

const score = ({ startLogit, endLogit }: Pick<Candidate, "startLogit" | "endLogit">): number => startLogit + endLogit;

/**
 * @param maxPositions the model's longest sequence, in tokens.
 * @param hasNull whether "no answer" is a possible answer, as in SQuAD 2.0.
 */
export function referenceScoring(maxPositions: number, hasNull: boolean): ScoringMethod {
  const length = Math.min(maxSequenceLength, maxPositions);
  const contextCapacity = (questionLength: number, specials: number) => length - questionLength - specials;
  return {
    maxQuestionLength,
    windowOptions: (questionLength, specials) => ({
      maxSequenceLength: length,
      docStride: Math.max(0, contextCapacity(questionLength, specials) - stride),
    }),
    collector: (context, questionLength, specials) => {
      const size = contextCapacity(questionLength, specials);
      const layout = { size, step: Math.min(stride, size), length: context.length };
      return new ReferenceCollector(context, layout, hasNull);
    },
  };
}

class ReferenceCollector implements PredictionCollector {
  readonly #context: Encoding;
  readonly #edges: AnswerEdges;
  readonly #layout: WindowLayout;
  readonly #hasNull: boolean;
  #best: readonly Candidate[] = [];
  #null = { startLogit: Number.POSITIVE_INFINITY, endLogit: 0 };

  constructor(context: Encoding, layout: WindowLayout, hasNull: boolean) {
    this.#context = context;
    this.#edges = new AnswerEdges(context, false);
    this.#layout = layout;
    this.#hasNull = hasNull;
  }

  add(window: TextWindow, { start, end }: WindowLogits): void {
    const none = { startLogit: finiteLogit(start, 0), endLogit: finiteLogit(end, 0) };
    if (score(none) < score(this.#null)) this.#null = none;
    this.#best = bestTexts([...this.#best, ...this.#pairs(window, start, end)]);
    this.#edges.clear();
  }

  result(): Prediction {
    const [best] = this.#best;
    const entries = this.#hasNull ? withNull(this.#best, this.#null) : this.#best;
    return {
      text: best?.text ?? "",
      nullOdds: best === undefined ? noPairOdds : score(this.#null) - score(best),
      nBest: normalized(entries.length > 0 ? entries : [{ text: "", startLogit: 0, endLogit: 0 }]),
    };
  }

  *#pairs(window: TextWindow, startLogits: ArrayLike<number>, endLogits: ArrayLike<number>): Generator<Candidate> {
    const { text } = this.#context;
    const { contextOffset, contextStart, contextEnd, inputIds } = window;
    const tokenAt = (position: number) => position - contextOffset + contextStart;
    const isContext = (position: number) => position >= contextOffset && tokenAt(position) < contextEnd;
    const lastPositions = bestPositions(endLogits, inputIds.length).filter(isContext);
    for (const first of bestPositions(startLogits, inputIds.length).filter(isContext)) {
      if (bestWindowStart(tokenAt(first), this.#layout) !== contextStart) continue;
      for (const last of lastPositions) {
        if (last < first || last - first >= maxAnswerLength) continue;
        const [start, end] = [this.#edges.startOf(tokenAt(first)), this.#edges.endOf(tokenAt(last))];
        const [startLogit, endLogit] = [startLogits[first] as number, endLogits[last] as number];
        if (start < end) yield { text: text.slice(start, end), startLogit, endLogit, start, end };
      }
    }
  }
}

/** The positions of a window's highest logits, not only in the context; ties go to the first. */
function bestPositions(logits: ArrayLike<number>, length: number): number[] {
  const values = Float64Array.from({ length }, (_, position) => finiteLogit(logits, position));
  const positions = Array.from(values.keys());
  return positions.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b).slice(0, nBestSize);
}

/** The best candidate of each text, best first, at most `nBestSize`. */
function bestTexts(candidates: readonly Candidate[]): Candidate[] {
  const byText = new Map<string, Candidate>();
  for (const candidate of [...candidates].sort(compareCandidates)) {
    if (!byText.has(candidate.text)) byText.set(candidate.text, candidate);
  }
  return [...byText.values()].slice(0, nBestSize);
}

function compareCandidates(a: Candidate, b: Candidate): number {
  return score(b) - score(a) || a.start - b.start || a.end - b.end;
}

type Scored = Pick<Candidate, "text" | "startLogit" | "endLogit">;

/** Inserts the null answer by its score; appends it if it is worse than all others. */
function withNull(candidates: readonly Candidate[], none: Omit<Scored, "text">): Scored[] {
  const empty = { ...none, text: "" };
  const better = candidates.filter((candidate) => score(candidate) >= score(empty));
  const places = better.length < nBestSize ? nBestSize - 1 : nBestSize;
  return [...better, empty, ...candidates.slice(better.length, places)];
}

/** Turns scores into probabilities by a softmax over the list. */
function normalized(entries: readonly Scored[]): NBestEntry[] {
  const max = Math.max(...entries.map(score));
  const exponentials = entries.map((entry) => Math.exp(score(entry) - max));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return entries.map(({ text, startLogit, endLogit }, index) => ({
    text,
    probability: (exponentials[index] as number) / total,
    start_logit: startLogit,
    end_logit: endLogit,
  }));
}
