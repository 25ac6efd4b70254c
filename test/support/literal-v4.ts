/**
 * Hugging Face's v4 question answering, written down as literally as it can be said: every window's two softmaxes, every pair of
 * tokens, everything sorted. Slow, without a short cut, and sharing nothing with `src/answer` or `src/text/windows.ts`.
 *
 * The definition is docs/semantics.md; what is fusebert's own there (equal spans are one answer, ties stand in the order of
 * the text) is here as well.
 */
import type { TokenSequence } from "../../src/architectures/inputs.ts";
import type { Encoding } from "../../src/text/encoding.ts";
import { separatorsOf } from "../../src/text/testing.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";

const maxSequenceLength = 384;
const docStride = 128;
const maxAnswerLength = 15;

/** Gives the start and the end logits of a sequence. */
export type Model = (sequence: TokenSequence) => Promise<{ start: ArrayLike<number>; end: ArrayLike<number> }>;

export interface LiteralAnswer {
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

export interface LiteralResult {
  /** All there are, best first. */
  readonly answers: readonly LiteralAnswer[];
  readonly noAnswerScore: number;
}

export async function answerLiterally(
  tokenizer: Tokenizer,
  model: Model,
  question: string,
  contextText: string,
): Promise<LiteralResult> {
  const asked = tokenizer.encode(question);
  const context = tokenizer.encode(contextText);
  const { cls, sep } = separatorsOf(tokenizer);
  const room = maxSequenceLength - asked.length - 3;
  const best = new Map<string, LiteralAnswer>();
  let noAnswerScore = Number.POSITIVE_INFINITY;

  for (let first = 0; ; first += room - docStride) {
    const past = Math.min(first + room, context.length);
    const part = [...context.ids.subarray(first, past)];
    const inputIds = [cls, ...asked.ids, sep, ...part, sep];
    const tokenTypeIds = inputIds.map((_, position) => (position < asked.length + 2 ? 0 : 1));
    const { start, end } = await model({
      inputIds: Int32Array.from(inputIds),
      tokenTypeIds: Int32Array.from(tokenTypeIds),
    });

    const isCandidate = inputIds.map(
      (_, position) => position === 0 || (position >= asked.length + 2 && position < inputIds.length - 1),
    );
    const pStart = softmaxOver(start, isCandidate);
    const pEnd = softmaxOver(end, isCandidate);
    noAnswerScore = Math.min(noAnswerScore, (pStart[0] as number) * (pEnd[0] as number));
    pStart[0] = 0;
    pEnd[0] = 0;

    for (const i of inputIds.keys()) {
      for (const j of inputIds.keys()) {
        if (!isCandidate[i] || !isCandidate[j] || i === 0 || j === 0 || j < i || j - i >= maxAnswerLength) continue;
        const offset = first - (asked.length + 2);
        const span = wholeWords(context, offset + i, offset + j);
        const score = (pStart[i] as number) * (pEnd[j] as number);
        const key = `${span.start} ${span.end}`;
        if (score > (best.get(key)?.score ?? -1)) best.set(key, { ...span, score });
      }
    }
    if (past === context.length) break;
  }
  const answers = [...best.values()].sort((a, b) => b.score - a.score || a.start - b.start || a.end - b.end);
  return { answers, noAnswerScore };
}

/** e^x / Σ e^x over the candidates; 0 elsewhere. */
function softmaxOver(logits: ArrayLike<number>, isCandidate: readonly boolean[]): number[] {
  const largest = Math.max(...isCandidate.map((is, position) => (is ? Number(logits[position]) : -Infinity)));
  const exponentials = isCandidate.map((is, position) => (is ? Math.exp(Number(logits[position]) - largest) : 0));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

/** The characters from the beginning of the first token's word to the end of the last token's. */
function wholeWords({ words, starts, ends }: Encoding, first: number, last: number) {
  const ofWord = (token: number) => [...words.keys()].filter((other) => words[other] === words[token]);
  return { start: Number(starts[ofWord(first)[0] as number]), end: Number(ends[ofWord(last).at(-1) as number]) };
}
