/**
 * Pre-tokenizers that split at matches of a pattern: Split, Punctuation, Digits, WhitespaceSplit, Whitespace and
 * CharDelimiterSplit.
 */
import type { AlignedText } from "../aligned-text.ts";
import { characterClasses, PUNCTUATION } from "../characters.ts";
import { matchesOf, RUST_WORD } from "../regex.ts";
import { type SplitBehaviour, type Stretch, stretchesOf, visitParts } from "../split-matches.ts";
import { type PreTokenizer, type VisitWord, WHITE_SPACE_BOUNDARY } from "./pre-tokenizer.ts";

export interface PatternOptions {
  /** Global. */
  readonly pattern: RegExp;
  readonly behaviour: SplitBehaviour;
  /** Whether what lies between matches is split off, and the matches are kept. */
  readonly invert?: boolean;
  readonly boundary?: RegExp | null;
}

export class PatternPreTokenizer implements PreTokenizer {
  readonly boundary?: RegExp | null;
  readonly #pattern: RegExp;
  readonly #behaviour: SplitBehaviour;
  readonly #invert: boolean;

  constructor({ pattern, behaviour, invert = false, boundary }: PatternOptions) {
    if (boundary !== undefined) this.boundary = boundary;
    this.#pattern = pattern;
    this.#behaviour = behaviour;
    this.#invert = invert;
  }

  split(input: AlignedText, from: number, to: number, visit: VisitWord): void {
    const text = input.text.slice(from, to);
    const stretches = stretchesOf(matchesOf(this.#pattern, text), 0, text.length);
    const turned: readonly Stretch[] = this.#invert
      ? stretches.map((stretch) => ({ ...stretch, isMatch: !stretch.isMatch }))
      : stretches;
    visitParts(turned, this.#behaviour, (start, end) => visit(input, from + start, from + end));
  }
}

/** ASCII punctuation, and the characters of category P in Unicode 8. */
export class PunctuationPreTokenizer implements PreTokenizer {
  readonly #behaviour: SplitBehaviour;
  readonly #classes = characterClasses();

  constructor(behaviour: SplitBehaviour) {
    this.#behaviour = behaviour;
  }

  split(input: AlignedText, from: number, to: number, visit: VisitWord): void {
    visitParts(stretchesOf(this.#matches(input.text, from, to), from, to), this.#behaviour, (start, end) =>
      visit(input, start, end),
    );
  }

  *#matches(text: string, from: number, to: number): Generator<readonly [number, number]> {
    for (let at = from; at < to; ) {
      const codePoint = text.codePointAt(at) as number;
      const end = at + (codePoint > 0xffff ? 2 : 1);
      if (((this.#classes[codePoint] as number) & PUNCTUATION) !== 0) yield [at, end];
      at = end;
    }
  }
}

export const whitespaceSplit = () =>
  new PatternPreTokenizer({
    pattern: /\p{White_Space}+/gu,
    behaviour: "Removed",
    boundary: WHITE_SPACE_BOUNDARY,
  });

/** Every digit, or every run of digits; all of category N count. */
export const digits = (individual: boolean) =>
  new PatternPreTokenizer({ pattern: /\p{N}/gu, behaviour: individual ? "Isolated" : "Contiguous" });

/** Runs of word characters, and runs of others that are no white space. */
export const whitespace = () =>
  new PatternPreTokenizer({
    pattern: new RegExp(`${RUST_WORD}+|[^${RUST_WORD}\\p{White_Space}]+`, "gv"),
    behaviour: "Removed",
    invert: true,
    boundary: WHITE_SPACE_BOUNDARY,
  });
