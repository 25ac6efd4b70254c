/**
 * The scores of a data set's predictions: over all questions, and for 2.0 also for those with and without an answer,
 * and at the best threshold.
 *
 * Must stay true: a question without a prediction counts as 0, as in the official script of 1.1; that of 2.0 leaves
 * such questions out, or fails.
 */
import { type BestThreshold, findBestThreshold } from "./best-threshold.ts";
import { type AnswerScore, scoreAnswer } from "./score-answer.ts";
import type { SquadDataset } from "./squad.ts";

/** In percent. */
export interface Figures {
  readonly exact: number;
  readonly f1: number;
  /** Number of questions. */
  readonly total: number;
}

export interface DatasetScores extends Figures {
  /** 2.0: questions with an answer, if any. */
  readonly hasAnswer?: Figures;
  /** 2.0: questions without one, if any. */
  readonly noAnswer?: Figures;
  /** Ids of questions without a prediction. */
  readonly missing: readonly string[];
}

export interface BestThresholds {
  readonly exact: BestThreshold;
  readonly f1: BestThreshold;
}

/** @param predictions texts by question id; the empty text means no answer. */
export function scoreDataset(
  { kind, questions }: SquadDataset,
  predictions: ReadonlyMap<string, string>,
): DatasetScores {
  const scored = questions.map(({ id, answers }) => {
    const text = predictions.get(id);
    const score = text === undefined ? { exact: 0, f1: 0 } : scoreAnswer(text, answers, kind);
    return { score, hasAnswer: answers.length > 0 };
  });
  const figuresOf = (hasAnswer: boolean) =>
    average(scored.filter((question) => question.hasAnswer === hasAnswer).map(({ score }) => score));
  const [hasAnswer, noAnswer] = kind === "2.0" ? [figuresOf(true), figuresOf(false)] : [];
  return {
    ...average(scored.map(({ score }) => score)),
    ...(hasAnswer && hasAnswer.total > 0 && { hasAnswer }),
    ...(noAnswer && noAnswer.total > 0 && { noAnswer }),
    missing: questions.filter(({ id }) => !predictions.has(id)).map(({ id }) => id),
  };
}

/**
 * @param predictions texts by question id, before any threshold.
 * @param nullOdds by question id: the higher, the more likely there is no answer. Every prediction has one.
 */
export function bestThresholds(
  { kind, questions }: SquadDataset,
  predictions: ReadonlyMap<string, string>,
  nullOdds: ReadonlyMap<string, number>,
): BestThresholds {
  const outcomes = questions.flatMap(({ id, answers }) => {
    const [text, odds] = [predictions.get(id), nullOdds.get(id)];
    if (text === undefined || odds === undefined) return [];
    const facts = { nullOdds: odds, hasAnswer: answers.length > 0, isAnswered: text !== "" };
    return [{ ...facts, score: scoreAnswer(text, answers, kind) }];
  });
  const best = (metric: keyof AnswerScore) =>
    findBestThreshold(
      outcomes.map((outcome) => ({ ...outcome, score: outcome.score[metric] })),
      questions.length,
    );
  return { exact: best("exact"), f1: best("f1") };
}

/** Empties predictions whose null odds are above the threshold. */
export function applyThreshold(
  predictions: ReadonlyMap<string, string>,
  nullOdds: ReadonlyMap<string, number>,
  threshold: number,
): Map<string, string> {
  return new Map([...predictions].map(([id, text]) => [id, (nullOdds.get(id) ?? 0) > threshold ? "" : text]));
}

function average(scores: readonly AnswerScore[]): Figures {
  const percent = (metric: keyof AnswerScore) =>
    (100 * scores.reduce((sum, score) => sum + score[metric], 0)) / Math.max(1, scores.length);
  return { exact: percent("exact"), f1: percent("f1"), total: scores.length };
}
