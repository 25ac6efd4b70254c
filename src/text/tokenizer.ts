/**
 * A tokenizer, equal to Hugging Face's fast ones (the Rust crate `tokenizers`): splits off added tokens, normalises the
 * rest, splits it into words and the words into tokens.
 *
 * Must stay true: ids and offsets equal Hugging Face's for every text (docs/tokenizers.md lists the exceptions); no
 * string throws; time is linear in the text; offsets never split a surrogate pair.
 */
import { AddedTokenMatcher } from "./added-tokens.ts";
import { type AlignedText, alignedText } from "./aligned-text.ts";
import { type Encoding, EncodingBuilder } from "./encoding.ts";
import { type Normalizer, WHOLE } from "./normalizers/normalizer.ts";
import { OffsetTrimmer } from "./offset-trim.ts";
import type { PairTemplate } from "./pair-template.ts";
import { PieceCutter } from "./pieces.ts";
import type { PreTokenizer } from "./pre-tokenizers/pre-tokenizer.ts";
import type { TokenModel } from "./token-model.ts";
import type { TokenizerDefinition } from "./tokenizer-definition.ts";
import type { Vocabulary } from "./vocabulary.ts";

export type { Encoding } from "./encoding.ts";

export interface EncodeAsyncOptions {
  /** Aborting rejects the promise with the signal's reason. */
  readonly signal?: AbortSignal;
  /** In UTF-16 code units; the last call has `done` equal to `total`. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How long encodeAsync may block the event loop, in milliseconds: less than a frame. */
const MAX_BLOCKING = 12;

export class Tokenizer {
  /** How a question and a text become one sequence. */
  readonly pair: PairTemplate;
  /** One more than the highest id. */
  readonly vocabularySize: number;
  /** What users should know about the files, as sentences without the full stop. */
  readonly warnings: readonly string[];
  readonly #vocabulary: Vocabulary;
  readonly #normalizer: Normalizer | undefined;
  readonly #preTokenizer: PreTokenizer | undefined;
  readonly #model: TokenModel;
  readonly #trimmer: OffsetTrimmer;
  readonly #inText: AddedTokenMatcher;
  readonly #inNormalized: AddedTokenMatcher;
  readonly #cutter: PieceCutter;

  constructor(definition: TokenizerDefinition) {
    const { addedTokens, normalizer, preTokenizer, vocabulary } = definition;
    this.pair = definition.pair;
    this.warnings = definition.warnings;
    this.#vocabulary = vocabulary;
    this.vocabularySize = vocabulary.maxId + 1;
    this.#normalizer = normalizer;
    this.#preTokenizer = preTokenizer;
    this.#model = definition.model;
    this.#trimmer = new OffsetTrimmer(definition.trims, vocabulary);
    this.#inText = new AddedTokenMatcher(
      addedTokens.filter(({ normalized }) => !normalized).map((token) => [token.content, token]),
    );
    // A token whose normalised content is empty never matches.
    const normalized = addedTokens
      .filter(({ normalized }) => normalized)
      .map((token) => [this.#normalized(token.content), token] as const)
      .filter(([pattern]) => pattern !== "");
    this.#inNormalized = new AddedTokenMatcher(normalized);
    this.#cutter = new PieceCutter(normalizer, preTokenizer, normalized);
  }

  /** For display; an unknown id gives `(no token 99)`. */
  token(id: number): string {
    return this.#vocabulary.tokenOf(id) ?? `(no token ${id})`;
  }

  /** Never throws: lone surrogates count as U+FFFD. */
  encode(text: string): Encoding {
    const builder = new EncodingBuilder(text);
    for (const _done of this.#steps(text, builder));
    return builder.build();
  }

  /** As `encode`, but yields to the event loop: cancellable, with progress. */
  async encodeAsync(text: string, options: EncodeAsyncOptions = {}): Promise<Encoding> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const builder = new EncodingBuilder(text);
    let resumed = performance.now();
    for (const done of this.#steps(text, builder)) {
      if (performance.now() - resumed < MAX_BLOCKING) continue;
      onProgress?.(done, text.length);
      await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
      resumed = performance.now();
    }
    onProgress?.(text.length, text.length);
    return builder.build();
  }

  /** Tokenises piece by piece; yields the end of each piece. */
  *#steps(original: string, builder: EncodingBuilder): Generator<number> {
    // As long as the original, so that offsets stay the same.
    const text = original.replace(/\p{Cs}/gu, "\ufffd");
    let from = 0;
    for (const { id, start, end } of this.#inText.matches(text)) {
      yield* this.#stepsBetween(text, from, start, builder);
      this.#pushMatch(builder, id, text.slice(start, end), start, end);
      yield end;
      from = end;
    }
    yield* this.#stepsBetween(text, from, text.length, builder);
  }

  /** As `#steps` for text[from, to), which holds no added token of the original text. */
  *#stepsBetween(text: string, from: number, to: number, builder: EncodingBuilder): Generator<number> {
    for (let start = from; start < to; ) {
      const { piece, end } = this.#cutter.cut(text, { from, to, start });
      this.#encodePiece(piece, builder);
      yield end;
      start = end;
    }
  }

  #encodePiece(piece: AlignedText, builder: EncodingBuilder): void {
    const { text, starts, ends } = piece;
    let from = 0;
    for (const { id, start, end } of this.#inNormalized.matches(text)) {
      this.#encodeWords(piece, from, start, builder);
      this.#pushMatch(builder, id, text.slice(start, end), starts[start] as number, ends[end - 1] as number);
      from = end;
    }
    this.#encodeWords(piece, from, text.length, builder);
  }

  #encodeWords(piece: AlignedText, from: number, to: number, builder: EncodingBuilder): void {
    if (from >= to) return;
    if (this.#preTokenizer === undefined) this.#encodeWord(piece, from, to, builder);
    else this.#preTokenizer.split(piece, from, to, (word, start, end) => this.#encodeWord(word, start, end, builder));
  }

  #encodeWord({ text, starts, ends }: AlignedText, from: number, to: number, builder: EncodingBuilder): void {
    const pieces = this.#model.tokenize(text, from, to);
    const trimmer = this.#trimmer;
    for (let index = 0; index < pieces.length; index += 3) {
      const id = pieces[index] as number;
      const start = starts[from + (pieces[index + 1] as number)] as number;
      const end = ends[from + (pieces[index + 2] as number) - 1] as number;
      if (trimmer.isNeeded) builder.push(id, ...trimmer.trim(builder.text, id, builder.length, start, end));
      else builder.push(id, start, end);
    }
    builder.endWord();
  }

  /** @param match what the added token matched, with the white space that it strips. */
  #pushMatch(builder: EncodingBuilder, id: number, match: string, start: number, end: number): void {
    builder.push(id, ...this.#trimmer.trimMatch(builder.text, match, builder.length, start, end));
    builder.endWord();
  }

  #normalized(text: string): string {
    return this.#normalizer?.normalize(alignedText(text, 0, text.length), WHOLE).text ?? text;
  }
}
