/**
 * Scores one answer as SQuAD's official scripts do: exact match and F1, each the best over all gold answers.
 *
 * F1 compares bags of words: with n words in common (counted as often as both have them), precision is n / predicted
 * and recall n / gold. The scripts differ for a text that normalises to nothing: in 1.1 its F1 is 0; in 2.0 it means
 * "no answer", which is right if the gold answer is empty too.
 *
 * Must stay true: reproduces the figures of published predictions to three decimals (`squad-official.test.ts`).
 */
import { answerTokens, normalizeAnswer } from "./normalize-answer.ts";
import type { SquadKind } from "./squad.ts";

/** Both from 0 to 1. */
export interface AnswerScore {
  readonly exact: number;
  readonly f1: number;
}

/** @param answers the gold answers; empty if the question has no answer. */
export function scoreAnswer(predicted: string, answers: readonly string[], kind: SquadKind): AnswerScore {
  const golds = kind === "2.0" ? answersOf2(answers) : answers;
  return {
    exact: Math.max(0, ...golds.map((gold) => exactMatch(predicted, gold))),
    f1: Math.max(0, ...golds.map((gold) => f1Score(predicted, gold, kind))),
  };
}

/** In 2.0, gold answers that normalise to nothing are ignored; without any other, the empty text is right. */
function answersOf2(answers: readonly string[]): readonly string[] {
  const nonEmpty = answers.filter((answer) => normalizeAnswer(answer) !== "");
  return nonEmpty.length > 0 ? nonEmpty : [""];
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

function countCommon(predicted: readonly string[], gold: readonly string[]): number {
  const remaining = new Map<string, number>();
  for (const token of gold) remaining.set(token, (remaining.get(token) ?? 0) + 1);
  let common = 0;
  for (const token of predicted) {
    const count = remaining.get(token) ?? 0;
    if (count === 0) continue;
    remaining.set(token, count - 1);
    common++;
  }
  return common;
}
