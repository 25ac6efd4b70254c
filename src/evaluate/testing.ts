/** A fake model: every character is a token, and logits are a hash of a window's tokens. */
import type { WindowLogits } from "../answer/window-scores.ts";
import { type Encoding, EncodingBuilder } from "../text/encoding.ts";
import { bertTemplate } from "../text/pair-template.ts";
import type { TextWindow } from "../text/windows.ts";
import type { WindowModel } from "./predict.ts";

/** Every character except spaces is a token; its id is its UTF-16 code. */
export function encodeCharacters(text: string): Encoding {
  const builder = new EncodingBuilder(text);
  for (let at = 0; at < text.length; at++) {
    if (text[at] === " ") continue;
    builder.push(text.charCodeAt(at), at, at + 1);
    builder.endWord();
  }
  return builder.build();
}

/** Pseudo-random numbers from −8 to 8 that depend on every token of the window. */
export function fakeLogits({ inputIds }: Pick<TextWindow, "inputIds">): WindowLogits {
  let state = inputIds.reduce((hash, id) => Math.imul(hash ^ id, 0x01000193), 0x811c9dc5);
  const next = () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return ((state >>> 8) / 2 ** 24) * 16 - 8;
  };
  return { start: Array.from(inputIds, next), end: Array.from(inputIds, next) };
}

export class FakeModel implements WindowModel {
  readonly tokenizer = { encode: encodeCharacters, pair: bertTemplate(2, 3) };
  /** Windows per batch; results are in reverse order. */
  readonly #batch: number;

  constructor(batch = 3) {
    this.#batch = batch;
  }

  async *run<T extends { readonly window: TextWindow }>(items: Iterable<T>, signal?: AbortSignal) {
    let waiting: T[] = [];
    const compute = () => waiting.reverse().map((item) => ({ item, logits: fakeLogits(item.window) }));
    for (const item of items) {
      signal?.throwIfAborted();
      waiting.push(item);
      if (waiting.length < this.#batch) continue;
      yield compute();
      waiting = [];
    }
    if (waiting.length > 0) yield compute();
  }
}
