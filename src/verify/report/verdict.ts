/**
 * The verdicts of comparisons (docs/verification.md).
 *
 * Must stay true: a verdict depends only on the figures reported with it.
 */

/**
 * From best to worst; `INCONCLUSIVE` means that the comparison could not be made.
 *
 * - `IDENTICAL`: every compared element is equal.
 * - `GOOD`: the error is at most `limit` times the budget.
 * - `FAIR`: at most 10 % relative L2.
 * - `POOR`: more than that.
 * - `NON-FINITE`: a NaN or an infinity.
 */
export const verdicts = ["IDENTICAL", "GOOD", "FAIR", "POOR", "NON-FINITE", "INCONCLUSIVE"] as const;

export type Verdict = (typeof verdicts)[number];

/** The default for the largest ratio to the budget that is good. */
export const defaultBudgetLimit = 2;

const fairRelativeError = 0.1;

export interface Judged {
  /** Relative L2 error of the candidate. */
  readonly error: number;
  /** Relative L2 error of an ordinary implementation of the same precision; 0 demands equality. */
  readonly budget: number;
  /** NaN and infinities among the candidate's compared elements. */
  readonly nonFinite: number;
}

/** `error / budget`: 0 for a perfect match, infinite for any error over a budget of zero. */
export function ratioOf({ error, budget }: Pick<Judged, "error" | "budget">): number {
  return error === 0 ? 0 : error / budget;
}

/** @param limit the largest ratio that counts as good. */
export function judge(judged: Judged, limit: number = defaultBudgetLimit): Verdict {
  if (judged.nonFinite > 0) return "NON-FINITE";
  if (judged.error === 0) return "IDENTICAL";
  if (ratioOf(judged) <= limit) return "GOOD";
  return judged.error <= fairRelativeError ? "FAIR" : "POOR";
}

/** The worst of several verdicts; `INCONCLUSIVE` when there are none. */
export function worst(all: readonly Verdict[]): Verdict {
  return (
    all.reduce<Verdict | undefined>((worse, verdict) => {
      return worse === undefined || verdicts.indexOf(verdict) > verdicts.indexOf(worse) ? verdict : worse;
    }, undefined) ?? "INCONCLUSIVE"
  );
}

/** Whether a verdict means that the candidate computes what the original computes. */
export function isMatch(verdict: Verdict): boolean {
  return verdict === "IDENTICAL" || verdict === "GOOD";
}
