/**
 * Converts offsets in UTF-16 code units (JavaScript) to Unicode code points (Python).
 *
 * Must stay true: a lone surrogate is one code point, as in a string that Python decoded from JSON.
 */

export type OffsetUnit = "utf-16" | "code-point";

export const offsetUnits: readonly OffsetUnit[] = ["utf-16", "code-point"];

/** The number of code points before each offset, in one pass over the text. */
function codePointsBefore(offsets: readonly number[], text: string): Map<number, number> {
  const counts = new Map<number, number>();
  let [at, count] = [0, 0];
  for (const offset of offsets.toSorted((a, b) => a - b)) {
    while (at < offset) {
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
      count++;
    }
    counts.set(offset, count);
  }
  return counts;
}

/** Converts ranges of a text from UTF-16 code units to `unit`. */
export function inUnit<T extends { readonly start: number; readonly end: number }>(
  ranges: readonly T[],
  text: string,
  unit: OffsetUnit,
): readonly T[] {
  if (unit === "utf-16") return ranges;
  const counts = codePointsBefore(
    ranges.flatMap(({ start, end }) => [start, end]),
    text,
  );
  return ranges.map((range) => ({
    ...range,
    start: counts.get(range.start) as number,
    end: counts.get(range.end) as number,
  }));
}
