/**
 * Splits a text at matches of a pattern. What becomes of a match is one of five behaviours; with `the-final--countdown`
 * split at `-`:
 *
 * - Removed: the, final, countdown
 * - Isolated: the, -, final, -, -, countdown
 * - Contiguous: the, -, final, --, countdown
 * - MergedWithPrevious: the-, final-, -, countdown
 * - MergedWithNext: the, -final, -, -countdown
 *
 * Must stay true: the parts are Rust's, in order, not empty, and cover all that is not removed.
 */
export const BEHAVIOURS = ["Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"] as const;
export type SplitBehaviour = (typeof BEHAVIOURS)[number];

export interface Stretch {
  start: number;
  end: number;
  readonly isMatch: boolean;
}

/** All of [from, to), as matches and what lies between. */
export function stretchesOf(
  matches: Iterable<readonly [start: number, end: number]>,
  from: number,
  to: number,
): Stretch[] {
  const stretches: Stretch[] = [];
  let covered = from;
  for (const [start, end] of matches) {
    if (covered < start) stretches.push({ start: covered, end: start, isMatch: false });
    stretches.push({ start, end, isMatch: true });
    covered = end;
  }
  if (covered < to) stretches.push({ start: covered, end: to, isMatch: false });
  return stretches;
}

/** Calls `visit` with the bounds of each part. */
export function visitParts(
  stretches: readonly Stretch[],
  behaviour: SplitBehaviour,
  visit: (start: number, end: number) => void,
): void {
  for (const { start, end, isMatch } of merged(stretches, behaviour)) {
    if (start < end && !(isMatch && behaviour === "Removed")) visit(start, end);
  }
}

function merged(stretches: readonly Stretch[], behaviour: SplitBehaviour): readonly Stretch[] {
  if (behaviour === "Removed" || behaviour === "Isolated") return stretches;
  const backwards = behaviour === "MergedWithNext";
  const parts: Stretch[] = [];
  let previous = false;
  for (const stretch of backwards ? [...stretches].reverse() : stretches) {
    const last = parts.at(-1);
    const joins = behaviour === "Contiguous" ? stretch.isMatch === previous : stretch.isMatch && !previous;
    if (!joins || last === undefined) parts.push({ ...stretch });
    else if (backwards) last.start = stretch.start;
    else last.end = stretch.end;
    previous = stretch.isMatch;
  }
  return backwards ? parts.reverse() : parts;
}
