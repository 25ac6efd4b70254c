/**
 * Rewrites an aligned text by what replaces what, with the bounds that the Rust tokenizers' `NormalizedString::transform`
 * gives the new characters: the first takes the place of the first that it replaces, and so on; what is left over of the
 * new ones has the place of the last replaced. What is left over of the old ones goes with the last new one.
 *
 * Must stay true: bounds equal Rust's, also where that is odd. If nothing takes the place of some characters, they go
 * with the character before them; at the start of a text there is none, so that all bounds after it are too early.
 */
import { AlignedBuilder, type AlignedText, lengthAt } from "../aligned-text.ts";

export class TransformBuilder {
  readonly #source: AlignedText;
  readonly #output: AlignedBuilder;
  /** Where the next character to be consumed begins. */
  #next = 0;
  /** Where the character that was consumed last begins. */
  #last = 0;
  /** The newest character (or several inserted ones, never at the end), because what follows may change how many it stands for; empty if there is none. */
  #newest = "";
  /** How many it stands for besides one; 1 if it is inserted and stands for none. */
  #change = 0;

  constructor(source: AlignedText) {
    this.#source = source;
    this.#output = new AlignedBuilder(source);
  }

  /** The source's units [from, to) stay as they are. */
  keep(from: number, to: number): void {
    if (from === to) return;
    const { text } = this.#source;
    this.#flush();
    let at = from;
    if (this.#next === from) {
      at = startOfLast(text, to);
      this.#output.copy(from, at);
      this.#next = at;
    }
    while (at < to) {
      const end = at + lengthAt(text, at);
      this.#push(text.slice(at, end), 0);
      at = end;
    }
  }

  /** Puts `content` in the place of the next `count` characters. */
  replace(count: number, content: string): void {
    let replaced = 0;
    let at = 0;
    for (; replaced < count && at < content.length; replaced++) {
      const end = at + lengthAt(content, at);
      this.#push(content.slice(at, end), 0);
      at = end;
    }
    if (replaced < count) {
      if (this.#newest !== "") this.#change -= count - replaced;
    } else if (at < content.length) {
      const last = startOfLast(content, content.length);
      if (at < last) this.#push(content.slice(at, last), 1);
      this.#push(content.slice(last), 1);
    }
  }

  build(): AlignedText {
    this.#flush();
    return this.#output.build();
  }

  #push(character: string, change: number): void {
    this.#flush();
    this.#newest = character;
    this.#change = change;
  }

  #flush(): void {
    if (this.#newest === "") return;
    const place = this.#change > 0 ? this.#last : this.#next;
    for (let change = this.#change; change <= 0; change++) {
      this.#last = this.#next;
      this.#next += lengthAt(this.#source.text, this.#next);
    }
    this.#output.insert(this.#newest, place);
    this.#newest = "";
  }
}

/** Where the character that ends at `end` begins. */
function startOfLast(text: string, end: number): number {
  return end > 1 && (text.codePointAt(end - 2) as number) > 0xffff ? end - 2 : end - 1;
}
