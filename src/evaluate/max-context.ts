/**
 * Which of the overlapping windows sees a token best: the one in which it has most context on its poorer side. An answer
 * may begin only in a token's best window, so that a span is scored once, where the model saw most around it.
 *
 * The measure is the reference script's (`_check_is_max_context`): the smaller of the numbers of tokens to the left and to
 * the right within the window, plus a hundredth of the window's length; the first of equal windows wins.
 */

/** Windows of at most `room` tokens that begin every `step` tokens, up to the first that reaches the end of the text. */
export interface WindowLayout {
  readonly room: number;
  readonly step: number;
  /** Tokens of the whole text. */
  readonly length: number;
}

/** Where the window begins that sees the token best. */
export function bestWindowStart(token: number, { room, step, length }: WindowLayout): number {
  const last = Math.ceil(Math.max(0, length - room) / step);
  const first = Math.max(0, Math.ceil((token - room + 1) / step));
  let [best, bestScore] = [first * step, Number.NEGATIVE_INFINITY];
  for (let index = first; index <= Math.min(last, Math.floor(token / step)); index++) {
    const start = index * step;
    const end = Math.min(start + room, length);
    const score = Math.min(token - start, end - 1 - token) + 0.01 * (end - start);
    if (score > bestScore) [best, bestScore] = [start, score];
  }
  return best;
}
