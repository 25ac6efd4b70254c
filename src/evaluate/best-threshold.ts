/**
 * The threshold at which a model that may say "no answer" would score best: SQuAD 2.0's `best_exact` and `best_f1`.
 *
 * A question is answered when its null odds are not above the threshold. Beginning with no question answered, questions are
 * answered one after another in the order of their odds, and the best sum on the way counts. Chosen on the very questions
 * that are scored, it says what a well-chosen threshold could give, not what a model achieves.
 */

/** One question as the search sees it. */
export interface Outcome {
  readonly nullOdds: number;
  /** From 0 to 1, if it is answered. */
  readonly score: number;
  readonly hasAnswer: boolean;
  /** Whether a text is predicted at all. */
  readonly isAnswered: boolean;
}

export interface BestThreshold {
  /** In percent of all questions. */
  readonly score: number;
  /** What `--threshold` must be for that score. */
  readonly threshold: number;
}

/** @param total how many questions there are, also those without a prediction. */
export function findBestThreshold(outcomes: readonly Outcome[], total: number): BestThreshold {
  let sum = outcomes.filter(({ hasAnswer }) => !hasAnswer).length;
  let [best, threshold] = [sum, belowAll(outcomes)];
  for (const { nullOdds, score, hasAnswer, isAnswered } of [...outcomes].sort((a, b) => a.nullOdds - b.nullOdds)) {
    // Answering a question that has no answer loses the point that silence had.
    if (hasAnswer) sum += score;
    else if (isAnswered) sum -= 1;
    if (sum > best) [best, threshold] = [sum, nullOdds];
  }
  return { score: (100 * best) / total, threshold };
}

/**
 * Answers nothing. The official script says 0, which is right while odds are probabilities; a difference of scores may be
 * less.
 */
function belowAll(outcomes: readonly Outcome[]): number {
  const lowest = outcomes.reduce((least, { nullOdds }) => Math.min(least, nullOdds), Number.POSITIVE_INFINITY);
  return lowest > 0 ? 0 : lowest - 1;
}
