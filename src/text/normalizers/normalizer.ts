/**
 * A normalizer: rewrites a text before it is split into words. One file a kind; `files/normalizers.ts` lists them by
 * the name that tokenizer.json has for them.
 *
 * A long text is normalised in pieces that are cut before white space (`pieces.ts`), so a normalizer is told whether its
 * input begins and ends where the text does.
 */
import type { AlignedText } from "../aligned-text.ts";

export interface Edges {
  /** Whether the input begins where the text does. */
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

export const WHOLE: Edges = { atStart: true, atEnd: true };

export interface Normalizer {
  /**
   * Never throws. The text is well-formed: lone surrogates are U+FFFD by then, as in Rust, whose strings hold none. The
   * result's bounds are views that may be valid only until the next call.
   */
  normalize(input: AlignedText, edges: Edges): AlignedText;
  /** Whether what it does to a piece may depend on what lies beyond white space. */
  readonly needsWholeText?: boolean;
}

export class SequenceNormalizer implements Normalizer {
  readonly needsWholeText: boolean;
  readonly #members: readonly Normalizer[];

  constructor(members: readonly Normalizer[]) {
    this.#members = members;
    this.needsWholeText = members.some(({ needsWholeText }) => needsWholeText);
  }

  normalize(input: AlignedText, edges: Edges): AlignedText {
    return this.#members.reduce((text, member) => member.normalize(text, edges), input);
  }
}
