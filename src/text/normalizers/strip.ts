/** Strip: removes white space at the ends of a text. */
import { type AlignedText, sliceAligned } from "../aligned-text.ts";
import type { Edges, Normalizer } from "./normalizer.ts";

/** Unicode's White_Space, of which JavaScript's `\s` differs in U+0085 and U+FEFF. All of it is one code unit each. */
const WHITE_SPACE = /^\p{White_Space}$/u;

export class StripNormalizer implements Normalizer {
  readonly #left: boolean;
  readonly #right: boolean;

  constructor(left: boolean, right: boolean) {
    this.#left = left;
    this.#right = right;
  }

  normalize(input: AlignedText, { atStart, atEnd }: Edges): AlignedText {
    const { text } = input;
    let [from, to] = [0, text.length];
    if (this.#left && atStart) while (from < to && WHITE_SPACE.test(text.charAt(from))) from++;
    if (this.#right && atEnd) while (to > from && WHITE_SPACE.test(text.charAt(to - 1))) to--;
    return from === 0 && to === text.length ? input : sliceAligned(input, from, to);
  }
}
