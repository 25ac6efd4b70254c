/**
 * Hugging Face's own tokenizers (the Rust crate, as npm's `tokenizers`), and how ours compare.
 */
import { createRequire } from "node:module";
import type { Encoding } from "../../src/text/encoding.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";

const huggingFace = createRequire(import.meta.url)("tokenizers") as typeof import("tokenizers");

/** What is compared: offsets count code points. */
export interface ComparedEncoding {
  readonly ids: number[];
  readonly offsets: number[][];
  readonly words: (number | null | undefined)[];
}

/** A text for which ours and theirs differ. */
export interface Difference {
  readonly text: string;
  readonly ours: ComparedEncoding;
  readonly theirs: ComparedEncoding;
}

const BATCH = 500;

export type TheirTokenizer = InstanceType<typeof huggingFace.Tokenizer>;

/** @param json the content of a tokenizer.json. */
export const theirTokenizer = (json: string): TheirTokenizer => huggingFace.Tokenizer.fromString(json);

/** The texts, without special tokens, for which ours differs from theirs; at most `limit`. */
export async function differences(
  ours: Tokenizer,
  theirs: TheirTokenizer,
  texts: readonly string[],
  limit = 3,
): Promise<Difference[]> {
  const found: Difference[] = [];
  for (let from = 0; from < texts.length && found.length < limit; from += BATCH) {
    const batch = texts.slice(from, from + BATCH);
    const encodings = await theirs.encodeBatch([...batch], { addSpecialTokens: false });
    for (const [index, text] of batch.entries()) {
      const encoding = encodings[index];
      if (encoding === undefined) throw new Error(`no encoding of ${JSON.stringify(text)}`);
      const expected = { ids: encoding.getIds(), offsets: encoding.getOffsets(), words: encoding.getWordIds() };
      const actual = compared(ours.encode(text));
      if (JSON.stringify(actual) !== JSON.stringify(expected)) found.push({ text, ours: actual, theirs: expected });
    }
  }
  return found.slice(0, limit);
}

export function compared({ text, ids, starts, ends, words }: Encoding): ComparedEncoding {
  const places = codePointPlaces(text);
  const offsets = Array.from(starts, (start, index) => [places[start] ?? -1, places[ends[index] ?? -1] ?? -1]);
  return { ids: [...ids], offsets, words: [...words] };
}

/** For each place between two characters, its index in code points. */
function codePointPlaces(text: string): Int32Array {
  const places = new Int32Array(text.length + 1).fill(-1);
  let count = 0;
  for (let at = 0; at < text.length; at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1) places[at] = count++;
  places[text.length] = count;
  return places;
}
