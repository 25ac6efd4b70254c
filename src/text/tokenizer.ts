/**
 * The tokenizer of BERT, exactly as Hugging Face's fast one (the Rust crate `tokenizers`) works: added tokens are taken
 * out, the rest is normalised, split into words, and each word into pieces of the vocabulary.
 *
 * Must stay true: ids and offsets equal Hugging Face's for every text; no string makes it throw; time is linear in the
 * text; offsets never split a surrogate pair.
 */
import { type AddedToken, AddedTokenMatcher } from "./added-tokens.ts";
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
  /** Called now and then with the UTF-16 code units done and those in all; at last with both equal. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How long encodeAsync keeps the event loop waiting, in milliseconds: less than a frame. */
const TURN = 12;

export class BertTokenizer {
  readonly special: SpecialTokens;
  /** One more than the highest id. */
  readonly vocabularySize: number;
  /** What the files say that their user should know, as sentences without the full stop. */
  readonly warnings: readonly string[];
  readonly #tokens: ReadonlyMap<number, string>;
  readonly #normalizer: BertNormalizer;
  readonly #wordPiece: WordPiece;
  readonly #inText: AddedTokenMatcher;
  readonly #inNormalized: AddedTokenMatcher;
  /** Whether a text may be cut at white space: no added token looked for in normalised text takes or holds any. */
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
    // One of which normalising leaves nothing can never be found.
    const normalized = addedTokens
      .filter(({ normalized }) => normalized)
      .map((token) => [this.#normalizer.normalizeString(token.content), token] as const)
      .filter(([pattern]) => pattern !== "");
    this.#inNormalized = new AddedTokenMatcher(normalized);
    this.#mayCut = normalized.every(([pattern, token]) => !concernsWhiteSpace(pattern, token));
  }

  /**
   * From the content of a tokenizer.json; `name` is what errors call it.
   * @param tokenizerConfig the content of the tokenizer_config.json beside it, which may overrule the normalizer.
   * @throws CheckpointError when one is damaged, or not the tokenizer of a BERT.
   */
  static fromTokenizerJson(json: string, name = "tokenizer.json", tokenizerConfig?: string): BertTokenizer {
    return new BertTokenizer(readTokenizerJson(json, name, tokenizerConfig));
  }

  /**
   * From the contents of a vocab.txt, which errors call `name`, and a tokenizer_config.json. Without the latter: lower case, accents off.
   * @throws CheckpointError when they are damaged, or not the tokenizer of a BERT.
   */
  static fromVocabulary(vocabulary: string, name = "vocab.txt", tokenizerConfig?: string): BertTokenizer {
    return new BertTokenizer(readVocabulary(vocabulary, name, tokenizerConfig));
  }

  /** The token with this id, for people to read; an id the vocabulary lacks is said to be that. */
  token(id: number): string {
    return this.#tokens.get(id) ?? `(no token ${id})`;
  }

  /** The tokens of a text. Never throws: what is no character is skipped, what the vocabulary lacks is [UNK]. */
  encode(text: string): Encoding {
    const builder = new EncodingBuilder(text);
    for (const _done of this.#steps(text, builder));
    return builder.build();
  }

  /** The same, giving the event loop a turn regularly: cancellable, with progress. */
  async encodeAsync(text: string, options: EncodeAsyncOptions = {}): Promise<Encoding> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const builder = new EncodingBuilder(text);
    let turnBegan = performance.now();
    for (const done of this.#steps(text, builder)) {
      if (performance.now() - turnBegan < TURN) continue;
      onProgress?.(done, text.length);
      await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
      turnBegan = performance.now();
    }
    onProgress?.(text.length, text.length);
    return builder.build();
  }

  /** Tokenises the text into the builder piece by piece; after each it tells how far it has come. */
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

  /** The same for text[from, to), in which no added token of the unnormalised kind is left. */
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
      let start = wordStart;
      for (let index = 0; index < pieces.length; index += 2) {
        const end = wordStart + (pieces[index + 1] as number);
        builder.push(pieces[index] as number, starts[start] as number, ends[end - 1] as number);
        start = end;
      }
      builder.endWord();
    });
  }
}

function concernsWhiteSpace(pattern: string, { lstrip, rstrip }: AddedToken): boolean {
  return lstrip || rstrip || /\p{White_Space}/u.test(pattern);
}

function highest(ids: Iterable<number>): number {
  let result = -1;
  for (const id of ids) result = Math.max(result, id);
  return result;
}
