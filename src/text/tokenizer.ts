/**
 * BERT's tokenizer, equal to Hugging Face's fast one (the Rust crate `tokenizers`): splits off added tokens, normalises
 * the rest, splits it into words and the words into WordPiece tokens.
 *
 * Must stay true: ids and offsets equal Hugging Face's for every text; no string throws; time is linear in the text;
 * offsets never split a surrogate pair.
 */
import { AddedTokenMatcher } from "./added-tokens.ts";
import { type Encoding, EncodingBuilder } from "./encoding.ts";
import { BertNormalizer, type NormalizedText } from "./normalize.ts";
import { endOfPiece } from "./pieces.ts";
import { forEachWord } from "./pre-tokenize.ts";
import type { SpecialTokens, TokenizerDefinition } from "./tokenizer-definition.ts";
import { readTokenizerJson } from "./tokenizer-json.ts";
import { readVocabulary } from "./vocabulary-files.ts";
import { WordPiece } from "./word-piece.ts";

export type { Encoding } from "./encoding.ts";
export type { SpecialTokens } from "./tokenizer-definition.ts";

export interface EncodeAsyncOptions {
  /** Aborting rejects the promise with the signal's reason. */
  readonly signal?: AbortSignal;
  /** In UTF-16 code units; the last call has `done` equal to `total`. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How long encodeAsync may block the event loop, in milliseconds: less than a frame. */
const MAX_BLOCKING = 12;

export class Tokenizer {
  readonly special: SpecialTokens;
  /** One more than the highest id. */
  readonly vocabularySize: number;
  /** What users should know about the files, as sentences without the full stop. */
  readonly warnings: readonly string[];
  readonly #tokens: ReadonlyMap<number, string>;
  readonly #normalizer: BertNormalizer;
  readonly #wordPiece: WordPiece;
  readonly #inText: AddedTokenMatcher;
  readonly #inNormalized: AddedTokenMatcher;
  /** Whether a text may be cut at white space: no added token of the normalised text strips or contains any. */
  readonly #mayCut: boolean;

  private constructor(definition: TokenizerDefinition) {
    const { addedTokens, special, tokens } = definition;
    this.special = special;
    this.warnings = definition.warnings;
    this.#tokens = tokens;
    this.vocabularySize = highest(tokens.keys()) + 1;
    this.#normalizer = new BertNormalizer(definition.normalizer);
    this.#wordPiece = new WordPiece(definition);
    this.#inText = new AddedTokenMatcher(
      addedTokens.filter(({ normalized }) => !normalized).map((token) => [token.content, token]),
    );
    // A token whose normalised content is empty never matches.
    const normalized = addedTokens
      .filter(({ normalized }) => normalized)
      .map((token) => [this.#normalizer.normalizeString(token.content), token] as const)
      .filter(([pattern]) => pattern !== "");
    this.#inNormalized = new AddedTokenMatcher(normalized);
    this.#mayCut = !normalized.some(
      ([pattern, { lstrip, rstrip }]) => lstrip || rstrip || /\p{White_Space}/u.test(pattern),
    );
  }

  /**
   * From the content of a tokenizer.json; `name` is for errors.
   * @param tokenizerConfig the content of tokenizer_config.json, which may override the normalizer.
   * @throws CheckpointError if a file is malformed, or not a BERT tokenizer.
   */
  static fromTokenizerJson(json: string, name = "tokenizer.json", tokenizerConfig?: string): Tokenizer {
    return new Tokenizer(readTokenizerJson(json, name, tokenizerConfig));
  }

  /**
   * From the content of a vocab.txt; `name` is for errors.
   * @param tokenizerConfig the content of tokenizer_config.json; without it: lower case, no accents.
   * @throws CheckpointError if a file is malformed, or not a BERT tokenizer.
   */
  static fromVocabulary(vocabulary: string, name = "vocab.txt", tokenizerConfig?: string): Tokenizer {
    return new Tokenizer(readVocabulary(vocabulary, name, tokenizerConfig));
  }

  /** For display; an unknown id gives `(no token 99)`. */
  token(id: number): string {
    return this.#tokens.get(id) ?? `(no token ${id})`;
  }

  /** Never throws: lone surrogates are skipped, unknown words become [UNK]. */
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
  *#steps(text: string, builder: EncodingBuilder): Generator<number> {
    let from = 0;
    for (const { id, start, end } of this.#inText.matches(text)) {
      yield* this.#stepsBetween(text, from, start, builder);
      builder.push(id, start, end);
      builder.endWord();
      yield end;
      from = end;
    }
    yield* this.#stepsBetween(text, from, text.length, builder);
  }

  /** As `#steps` for text[from, to), which holds no added token of the original text. */
  *#stepsBetween(text: string, from: number, to: number, builder: EncodingBuilder): Generator<number> {
    for (let start = from; start < to; ) {
      const end = this.#mayCut ? endOfPiece(text, start, to) : to;
      this.#encodePiece(this.#normalizer.normalize(text, start, end), builder);
      yield end;
      start = end;
    }
  }

  #encodePiece(piece: NormalizedText, builder: EncodingBuilder): void {
    let from = 0;
    for (const { id, start, end } of this.#inNormalized.matches(piece.text)) {
      this.#encodeWords(piece, from, start, builder);
      builder.push(id, piece.starts[start] as number, piece.ends[end - 1] as number);
      builder.endWord();
      from = end;
    }
    this.#encodeWords(piece, from, piece.text.length, builder);
  }

  #encodeWords({ text, starts, ends }: NormalizedText, from: number, to: number, builder: EncodingBuilder): void {
    forEachWord(text, from, to, (wordStart, wordEnd) => {
      const pieces = this.#wordPiece.tokenize(text, wordStart, wordEnd);
      for (let index = 0; index < pieces.length; index += 3) {
        const start = wordStart + (pieces[index + 1] as number);
        const end = wordStart + (pieces[index + 2] as number);
        builder.push(pieces[index] as number, starts[start] as number, ends[end - 1] as number);
      }
      builder.endWord();
    });
  }
}

function highest(ids: Iterable<number>): number {
  let result = -1;
  for (const id of ids) result = Math.max(result, id);
  return result;
}
