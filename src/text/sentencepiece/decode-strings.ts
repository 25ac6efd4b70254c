/**
 * Decodes hundreds of thousands of short UTF-8 strings: all at once, because a call of TextDecoder takes a microsecond, and
 * then cut where each ends.
 *
 * Must stay true: a string is refused exactly if TextDecoder refuses it by itself.
 */

/** UTF-8 strings in a larger array of bytes, as bounds. */
export interface EncodedStrings {
  readonly bytes: Uint8Array;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** Calls `refuse`, which throws, with the index of a string that is not UTF-8. */
export function decodeStrings({ bytes, starts, ends }: EncodedStrings, refuse: (index: number) => never): string[] {
  const joined = new Uint8Array(starts.reduce((sum, start, index) => sum + (ends[index] as number) - start, 0));
  let length = 0;
  for (let index = 0; index < starts.length; index++) {
    const string = bytes.subarray(starts[index], ends[index]);
    // It would end a character that the string before it has begun.
    if (string.length > 0 && isContinuation(string[0] as number)) refuse(index);
    joined.set(string, length);
    length += string.length;
  }
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const text = decodeOr(decoder, joined, () => refuse(firstMalformed(decoder, { bytes, starts, ends })));
  const strings: string[] = [];
  let [at, unit] = [0, 0];
  for (let index = 0; index < starts.length; index++) {
    const end = at + (ends[index] as number) - (starts[index] as number);
    let next = unit;
    for (; at < end; at++) next += unitsOf(joined[at] as number);
    strings.push(text.slice(unit, next));
    unit = next;
  }
  return strings;
}

function decodeOr(decoder: TextDecoder, bytes: Uint8Array, refuse: () => never): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return refuse();
  }
}

function firstMalformed(decoder: TextDecoder, { bytes, starts, ends }: EncodedStrings): number {
  return starts.findIndex((start, index) => {
    try {
      decoder.decode(bytes.subarray(start, ends[index]));
      return false;
    } catch {
      return true;
    }
  });
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** How many UTF-16 code units a character has, counted at its first byte. */
function unitsOf(byte: number): number {
  if (isContinuation(byte)) return 0;
  return byte < 0xf0 ? 1 : 2;
}
