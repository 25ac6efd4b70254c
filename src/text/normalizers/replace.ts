/** Replace and Prepend: put a string in the place of what a pattern matches, or before a text. */
import { AlignedBuilder, type AlignedText } from "../aligned-text.ts";
import { matchesOf } from "../regex.ts";
import type { Edges, Normalizer } from "./normalizer.ts";

/** As in Rust, the content has the bounds of the last character that it replaces. */
export class ReplaceNormalizer implements Normalizer {
  readonly needsWholeText: boolean;
  readonly #pattern: RegExp;
  readonly #content: string;

  /**
   * @param pattern global.
   * @param needsWholeText whether a match may reach from what is no white space into white space.
   */
  constructor(pattern: RegExp, content: string, needsWholeText: boolean) {
    this.needsWholeText = needsWholeText;
    this.#pattern = pattern;
    this.#content = content;
  }

  normalize(input: AlignedText): AlignedText {
    const { text, starts } = input;
    let output: AlignedBuilder | undefined;
    let copied = 0;
    for (const [start, end] of matchesOf(this.#pattern, text)) {
      output ??= new AlignedBuilder(input);
      output.copy(copied, start);
      if (end > 0) output.insert(this.#content, end - 1);
      // An empty match before the first character.
      else output.insertFrom(this.#content, starts[0] ?? 0, starts[0] ?? 0);
      copied = end;
    }
    if (output === undefined) return input;
    output.copy(copied, text.length);
    return output.build();
  }
}

/** What is prepended has the bounds of the first character; an empty text stays empty. */
export class PrependNormalizer implements Normalizer {
  readonly #content: string;

  constructor(content: string) {
    this.#content = content;
  }

  normalize(input: AlignedText, { atStart }: Edges): AlignedText {
    if (input.text === "" || !atStart) return input;
    const output = new AlignedBuilder(input);
    output.insert(this.#content, 0);
    output.copy(0, input.text.length);
    return output.build();
  }
}
