/**
 * Finds, among overlapping windows, the one with most context around a token. Only spans that begin in their first
 * token's best window are scored, so that each span is scored once.
 *
 * The measure is the reference script's (`_check_is_max_context`): the smaller of the token counts to the left and to
 * the right within the window, plus a hundredth of the window's length; ties go to the first window.
 */

/** Windows of at most `size` context tokens that begin every `step` tokens, up to the first that reaches the end. */
export interface WindowLayout {
  readonly size: number;
  readonly step: number;
  /** Tokens of the context. */
  readonly length: number;
}

/** The first context token of the token's best window. */
export function bestWindowStart(token: number, { size, step, length }: WindowLayout): number {
  const last = Math.ceil(Math.max(0, length - size) / step);
  const first = Math.max(0, Math.ceil((token - size + 1) / step));
  let [best, bestScore] = [first * step, Number.NEGATIVE_INFINITY];
  for (let index = first; index <= Math.min(last, Math.floor(token / step)); index++) {
    const start = index * step;
    const end = Math.min(start + size, length);
    const score = Math.min(token - start, end - 1 - token) + 0.01 * (end - start);
    if (score > bestScore) [best, bestScore] = [start, score];
  }
  return best;
}
