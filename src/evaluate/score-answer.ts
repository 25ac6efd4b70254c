/**
 * How good one answer is, as SQuAD's official scripts define it: exact match and F1, each the best over all that people
 * answered.
 *
 * F1 is that of two bags of words: with n words in common (as often as both have them), precision n / predicted and recall
 * n / gold. The two scripts differ where nothing is left of a text: 1.1 knows no such thing, F1 is 0 then; in 2.0 it means
 * "no answer", which is right where it is expected and wrong elsewhere.
 *
 * Must stay true: the figures of the published predictions, to three decimals (`squad-official.test.ts`).
 */
import { answerTokens, normalizeAnswer } from "./normalize-answer.ts";
import type { SquadKind } from "./squad.ts";

/** Both from 0 to 1. */
export interface AnswerScore {
  readonly exact: number;
  readonly f1: number;
}

/** @param answers what people answered: none, when there is no answer. */
export function scoreAnswer(predicted: string, answers: readonly string[], kind: SquadKind): AnswerScore {
  const golds = kind === "2.0" ? answersOf2(answers) : answers;
  return {
    exact: Math.max(0, ...golds.map((gold) => exactMatch(predicted, gold))),
    f1: Math.max(0, ...golds.map((gold) => f1Score(predicted, gold, kind))),
  };
}

/** 2.0 leaves out answers of which nothing is left; where there are none, the right one is the empty text. */
function answersOf2(answers: readonly string[]): readonly string[] {
  const real = answers.filter((answer) => normalizeAnswer(answer) !== "");
  return real.length > 0 ? real : [""];
}

function exactMatch(predicted: string, gold: string): number {
  return normalizeAnswer(predicted) === normalizeAnswer(gold) ? 1 : 0;
}

function f1Score(predicted: string, gold: string, kind: SquadKind): number {
  const [predictedTokens, goldTokens] = [answerTokens(predicted), answerTokens(gold)];
  if (kind === "2.0" && (predictedTokens.length === 0 || goldTokens.length === 0)) {
    return predictedTokens.length === goldTokens.length ? 1 : 0;
  }
  const common = countCommon(predictedTokens, goldTokens);
  if (common === 0) return 0;
  const [precision, recall] = [common / predictedTokens.length, common / goldTokens.length];
  return (2 * precision * recall) / (precision + recall);
}

function countCommon(some: readonly string[], others: readonly string[]): number {
  const left = new Map<string, number>();
  for (const token of others) left.set(token, (left.get(token) ?? 0) + 1);
  let common = 0;
  for (const token of some) {
    const count = left.get(token) ?? 0;
    if (count === 0) continue;
    left.set(token, count - 1);
    common++;
  }
  return common;
}
