/**
 * Predictions as SQuAD's reference script for BERT makes them (`run_squad.py`): the scoring that published figures mean.
 *
 * Windows of 384 tokens begin every 128. In each window the 20 best start and the 20 best end logits are paired; a pair
 * counts if both stand in the context, the answer has at most 30 tokens, and its first token is seen best in this window.
 * It scores the sum of its two logits, not normalised. The null answer scores the sum of the two logits of [CLS], the
 * smallest over the windows.
 *
 * Must stay true: the result does not depend on the order of windows. Where the script guesses an answer's place in the
 * text from its tokens, the text here is cut at the exact offsets, and never inside a grapheme cluster.
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
/** Here a stride is the distance between windows; elsewhere in fusebert, as at Hugging Face's, it is their overlap. */
const stride = 128;
const maxQuestionLength = 64;
const maxAnswerLength = 30;
/** [CLS] and two [SEP]. */
const separators = 3;
/** The script's null odds where there is no pair at all: JSON has no infinity. */
const noPairOdds = 1_000_000;

/** A pair of tokens. */
interface Candidate {
  readonly text: string;
  readonly startLogit: number;
  readonly endLogit: number;
  /** Of equal scores the earlier and shorter one is better. */
  readonly start: number;
  readonly end: number;
}

const score = ({ startLogit, endLogit }: Pick<Candidate, "startLogit" | "endLogit">): number => startLogit + endLogit;

/**
 * @param maxPositions the longest sequence the model can take.
 * @param hasNull whether "no answer" may be the answer, as in SQuAD 2.0.
 */
export function referenceScoring(maxPositions: number, hasNull: boolean): ScoringMethod {
  const length = Math.min(maxSequenceLength, maxPositions);
  const roomBeside = (questionLength: number) => length - questionLength - separators;
  return {
    maxQuestionLength,
    windowOptions: (questionLength) => ({
      maxSequenceLength: length,
      docStride: Math.max(0, roomBeside(questionLength) - stride),
    }),
    collector: (context, questionLength) => {
      const room = roomBeside(questionLength);
      const layout = { room, step: Math.min(stride, room), length: context.length };
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

/** The positions of the highest logits of a window, also outside the context; of equal ones the first. */
function bestPositions(logits: ArrayLike<number>, length: number): number[] {
  const values = Float64Array.from({ length }, (_, position) => finiteLogit(logits, position));
  const positions = Array.from(values.keys());
  return positions.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b).slice(0, nBestSize);
}

/** The best of every text, best first, as many as count. */
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

/** The null answer in its place; behind the last if it is worse than all that count. */
function withNull(candidates: readonly Candidate[], none: Omit<Scored, "text">): Scored[] {
  const empty = { ...none, text: "" };
  const better = candidates.filter((candidate) => score(candidate) >= score(empty));
  const places = better.length < nBestSize ? nBestSize - 1 : nBestSize;
  return [...better, empty, ...candidates.slice(better.length, places)];
}

/** Scores become probabilities by a softmax over the list. */
function normalized(entries: readonly Scored[]): NBestEntry[] {
  const highest = Math.max(...entries.map(score));
  const exponentials = entries.map((entry) => Math.exp(score(entry) - highest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return entries.map(({ text, startLogit, endLogit }, index) => ({
    text,
    probability: (exponentials[index] as number) / total,
    start_logit: startLogit,
    end_logit: endLogit,
  }));
}
