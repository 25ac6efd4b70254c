/**
 * Metaspace: writes spaces as a visible character (`▁`), puts one before a text that begins with none, and begins a word
 * at each. SentencePiece's vocabularies are written so.
 *
 * Must stay true: the character that is put before a text has the bounds of the text's first one; time is linear.
 */
import type { AlignedText } from "../aligned-text.ts";
import type { PreTokenizer, VisitWord } from "./pre-tokenizer.ts";

export interface MetaspaceOptions {
  /** One UTF-16 code unit. */
  readonly replacement: string;
  /** Before which texts it is put; "first" means only the one at the start of the whole text. */
  readonly prependScheme: "always" | "first" | "never";
  readonly split: boolean;
}

const MIN_BUFFER = 256;

export class MetaspacePreTokenizer implements PreTokenizer {
  readonly boundary: RegExp | null;
  readonly #options: MetaspaceOptions;
  #starts = new Int32Array(MIN_BUFFER);
  #ends = new Int32Array(MIN_BUFFER);

  constructor(options: MetaspaceOptions) {
    this.#options = options;
    const { replacement, split } = options;
    this.boundary = split ? new RegExp(`^[ \\u{${replacement.charCodeAt(0).toString(16)}}]`, "u") : null;
  }

  split(input: AlignedText, from: number, to: number, visit: VisitWord): void {
    const { replacement, prependScheme, split } = this.#options;
    const text = input.text.slice(from, to).replaceAll(" ", replacement);
    const prepends =
      !text.startsWith(replacement) &&
      (prependScheme === "always" || (prependScheme === "first" && input.starts[from] === 0));
    const written = this.#align(input, from, to, prepends ? replacement + text : text);
    if (!split) {
      visit(written, 0, written.text.length);
      return;
    }
    for (let start = 0; start < written.text.length; ) {
      const next = written.text.indexOf(replacement, start + 1);
      const end = next < 0 ? written.text.length : next;
      visit(written, start, end);
      start = end;
    }
  }

  /** The bounds of `text`, which is [from, to) of the input after what is prepended, in this object's buffers. */
  #align({ starts, ends }: AlignedText, from: number, to: number, text: string): AlignedText {
    if (text.length > this.#starts.length) {
      this.#starts = new Int32Array(text.length * 2);
      this.#ends = new Int32Array(text.length * 2);
    }
    const prepended = text.length - (to - from);
    for (let at = 0; at < prepended; at++) {
      this.#starts[at] = starts[from] as number;
      this.#ends[at] = ends[from] as number;
    }
    for (let at = from; at < to; at++) {
      this.#starts[at - from + prepended] = starts[at] as number;
      this.#ends[at - from + prepended] = ends[at] as number;
    }
    return { text, starts: this.#starts, ends: this.#ends };
  }
}
