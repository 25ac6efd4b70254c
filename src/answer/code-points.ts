/**
 * Offsets in Unicode code points, as Python counts, from offsets in UTF-16 code units, as JavaScript does.
 *
 * Must stay true: half a surrogate pair is one code point, as in a string that Python has decoded from JSON.
 */

/** What an offset counts. */
export type OffsetUnit = "utf-16" | "code-point";

export const offsetUnits: readonly OffsetUnit[] = ["utf-16", "code-point"];

/** The number of code points of text[0, place) for each place, in one pass over the text. */
function codePointsBefore(places: readonly number[], text: string): Map<number, number> {
  const counts = new Map<number, number>();
  let [at, count] = [0, 0];
  for (const place of places.toSorted((a, b) => a - b)) {
    while (at < place) {
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
      count++;
    }
    counts.set(place, count);
  }
  return counts;
}

/** Ranges of a text in UTF-16 code units, counted in a unit. */
export function inUnit<T extends { readonly start: number; readonly end: number }>(
  ranges: readonly T[],
  text: string,
  unit: OffsetUnit,
): readonly T[] {
  if (unit === "utf-16") return ranges;
  const places = codePointsBefore(
    ranges.flatMap(({ start, end }) => [start, end]),
    text,
  );
  return ranges.map((range) => ({
    ...range,
    start: places.get(range.start) as number,
    end: places.get(range.end) as number,
  }));
}
