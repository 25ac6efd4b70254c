/** Suggests a known name for a misspelt one. */

/** The first of `known` with the smallest edit distance, if that is at most a third of its length. */
export function nearest<T extends string>(name: string, known: readonly T[]): T | undefined {
  let best: T | undefined;
  let minimum = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    // A name may be a megabyte long; one much longer than a known name is not a misspelling of it.
    if (name.length > 2 * candidate.length) continue;
    const distance = editDistance(name, candidate);
    if (distance >= minimum || distance > Math.max(1, Math.floor(candidate.length / 3))) continue;
    [best, minimum] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (above[j - 1] as number) + Number(a[i - 1] !== b[j - 1]);
      row.push(Math.min(replaced, (above[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    above = row;
  }
  return above[b.length] as number;
}
