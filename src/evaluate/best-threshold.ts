/**
 * The null-odds threshold with the best score: SQuAD 2.0's `best_exact` and `best_f1`.
 *
 * A question is answered if its null odds are not above the threshold. The search raises the threshold question by
 * question and keeps the best sum. Because the threshold is fitted to the scored questions, its score is an upper
 * bound, not what a model achieves.
 */

export interface Outcome {
  readonly nullOdds: number;
  /** From 0 to 1, if the question is answered. */
  readonly score: number;
  readonly hasAnswer: boolean;
  /** Whether a text is predicted. */
  readonly isAnswered: boolean;
}

export interface BestThreshold {
  /** In percent of all questions. */
  readonly score: number;
  /** The value of `--threshold` for that score. */
  readonly threshold: number;
}

/** @param total number of questions, including those without a prediction. */
export function findBestThreshold(outcomes: readonly Outcome[], total: number): BestThreshold {
  let sum = outcomes.filter(({ hasAnswer }) => !hasAnswer).length;
  let [best, threshold] = [sum, belowAll(outcomes)];
  for (const { nullOdds, score, hasAnswer, isAnswered } of [...outcomes].sort((a, b) => a.nullOdds - b.nullOdds)) {
    // Answering an unanswerable question loses its point.
    if (hasAnswer) sum += score;
    else if (isAnswered) sum -= 1;
    if (sum > best) [best, threshold] = [sum, nullOdds];
  }
  return { score: (100 * best) / total, threshold };
}

/** A threshold that answers nothing: 0 as in the official script, unless odds are negative (differences of scores). */
function belowAll(outcomes: readonly Outcome[]): number {
  const min = outcomes.reduce((lowest, { nullOdds }) => Math.min(lowest, nullOdds), Number.POSITIVE_INFINITY);
  return min > 0 ? 0 : min - 1;
}
