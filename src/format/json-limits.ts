/**
 * Limits on the size of JSON: `JSON.parse` needs up to forty times a text's memory for nothing but brackets, so nesting
 * and values are counted first.
 *
 * The largest tokenizers have some 750,000 values, and no file nests deeper than a dozen levels.
 *
 * Must stay true: one pass, no recursion and no backtracking for any text.
 */
const MAX_DEPTH = 64;
const MAX_VALUES = 800_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

interface JsonExcess {
  readonly found: string;
  readonly expected: string;
}

export interface JsonRefusal {
  /** An error class of `errors.ts`. */
  readonly Fault: new (
    parts: JsonExcess & { readonly advice: string },
  ) => Error;
  /** Of the file, for the error. */
  readonly name: string;
  readonly advice: string;
  readonly maxValues?: number | undefined;
}

/**
 * Returns the number of keys of the object that has most.
 * @throws a `Fault` if the text, which need not be valid JSON, nests too deep or has too many values.
 */
export function checkJsonSize(json: string, { Fault, name, advice, maxValues }: JsonRefusal): number {
  const measured = measureJson(json, maxValues);
  if (typeof measured === "number") return measured;
  throw new Fault({ ...measured, found: `${name} ${measured.found}`, advice });
}

function measureJson(json: string, maxValues = MAX_VALUES): JsonExcess | number {
  let values = 1;
  /** Keys of the innermost open container so far; minus infinity for a list. */
  let keys = Number.NEGATIVE_INFINITY;
  let maxKeys = 0;
  const outer: number[] = [];
  for (let at = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (unit === QUOTE) {
      at = endOfString(json, at) - 1;
    } else if (unit === COMMA) {
      values++;
      if (++keys > maxKeys) maxKeys = keys;
    } else if (unit === 0x5b || unit === 0x7b) {
      values++;
      outer.push(keys);
      if (outer.length > MAX_DEPTH) {
        return { found: `nests deeper than ${MAX_DEPTH} levels`, expected: "a few, as in every file of its kind" };
      }
      // An empty object counts as one key.
      keys = unit === 0x7b ? 1 : Number.NEGATIVE_INFINITY;
      if (keys > maxKeys) maxKeys = keys;
    } else if (unit === 0x5d || unit === 0x7d) {
      keys = outer.pop() ?? Number.NEGATIVE_INFINITY;
    }
    if (values > maxValues) {
      const limit = maxValues.toLocaleString("en-US");
      return { found: `holds more than ${limit} values`, expected: `at most ${limit}, more than any file of its kind` };
    }
  }
  return maxKeys;
}

/** The index after the closing quote of the string that starts at `start`. */
export function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length) {
    const unit = json.charCodeAt(at);
    if (unit === QUOTE) break;
    at += unit === BACKSLASH ? 2 : 1;
  }
  return at + 1;
}
