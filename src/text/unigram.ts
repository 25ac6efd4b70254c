/**
 * Unigram: of all ways to cut a word into pieces, the one with the highest sum of scores (Viterbi's algorithm). The
 * pieces' scores are logarithms of probabilities. It is the model of SentencePiece, in XLM-RoBERTa, CamemBERT, ALBERT and
 * DeBERTa-v3.
 *
 * A character that is no piece is unknown, and scores less than every piece; neighbouring unknown characters are one
 * token. With byte fallback they become the tokens of their UTF-8 bytes instead, if the vocabulary has all of these.
 *
 * Must stay true: ids and bounds equal those of Hugging Face's tokenizers 0.23 for every text. In particular: sums are
 * taken in float64 from left to right; of equal sums, the one whose last piece is longest wins; of equal pieces, the last
 * one counts; an unknown stretch that is a piece as a whole has that piece's id. Time is linear in the text (at most the
 * longest piece's length for each character).
 */
import { CheckpointError, GET_AGAIN } from "../errors.ts";
import { isWellFormed } from "./characters.ts";
import { PieceTable } from "./piece-table.ts";
import { asSerdeJsonReads } from "./serde-json.ts";
import type { Pieces, TokenModel } from "./token-model.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { WordCache } from "./word-cache.ts";

export interface UnigramOptions {
  /** `[piece, score]` for each id. Read here, not by a schema, because there are up to half a million. */
  readonly vocab: readonly unknown[];
  readonly unknownId: number;
  /** Use the pieces `<0x00>` to `<0xFF>` for unknown characters. */
  readonly byteFallback: boolean;
  /** Whether the scores come from a JSON file, which Hugging Face reads with small errors (`serde-json.ts`). */
  readonly isJson: boolean;
  /** Of the file, for errors. */
  readonly name: string;
}

/** How much less than the lowest score of any piece an unknown character scores. */
const UNKNOWN_PENALTY = 10;
const UNREACHED = -1;
const BYTES = 256;
const MIN_BUFFER = 256;
/** In UTF-16 code units. Buffers for longer words are not kept. */
const MAX_REUSED_BUFFER = 1 << 16;

export class Unigram implements TokenModel, Vocabulary {
  readonly unknownId: number;
  readonly #table: PieceTable;
  readonly #scores: Float64Array;
  /** By id: whether the score is still to be read as serde_json does. Doing so for all takes a quarter of a second. */
  readonly #isUnread: Uint8Array;
  readonly #unknownScore: number;
  /** Ids by byte. Undefined unless there is byte fallback and the vocabulary has a piece for some byte. */
  readonly #bytes: Int32Array | undefined;
  readonly #cache = new WordCache((word) => this.#split(word));
  #paths = new Paths(MIN_BUFFER);

  /** @throws CheckpointError if the vocabulary is malformed or `unknownId` is not in it. */
  constructor({ vocab, unknownId, byteFallback, isJson, name }: UnigramOptions) {
    const { pieces, scores } = readVocab(vocab, name);
    if (!Number.isInteger(unknownId) || unknownId < 0 || unknownId >= pieces.length) {
      throw new CheckpointError({
        found: `${name}: the id of the unknown token is ${unknownId}, and the vocabulary has ${pieces.length} pieces`,
        expected: "the id of a piece",
        advice: GET_AGAIN,
      });
    }
    this.unknownId = unknownId;
    this.#table = new PieceTable(pieces, name);
    this.#scores = scores;
    this.#isUnread = new Uint8Array(scores.length).fill(isJson ? 1 : 0);
    const lowest = scores.reduce((low, score) => Math.min(low, score));
    this.#unknownScore = (isJson ? asSerdeJsonReads(lowest) : lowest) - UNKNOWN_PENALTY;
    if (byteFallback) this.#bytes = byteIds(this.#table);
  }

  get size(): number {
    return this.#table.size;
  }

  get maxId(): number {
    return this.#table.size - 1;
  }

  /** The last id of this piece; undefined if there is none. */
  idOf(piece: string): number | undefined {
    const id = this.#table.find(piece);
    return id < 0 ? undefined : id;
  }

  tokenOf(id: number): string | undefined {
    return this.#table.piece(id);
  }

  tokenize(text: string, start: number, end: number): Pieces {
    return this.#cache.piecesOf(text, start, end);
  }

  #split(word: string): Pieces {
    // As in Rust, whose strings cannot hold a lone surrogate.
    const text = isWellFormed(word) ? word : word.replace(/\p{Cs}/gu, "\ufffd");
    const paths = this.#pathsFor(text.length);
    this.#findPaths(text, paths);
    return this.#bestPath(text, paths);
  }

  #pathsFor(length: number): Paths {
    if (this.#paths.capacity >= length) return this.#paths;
    const paths = new Paths(Math.max(length, 2 * this.#paths.capacity));
    if (paths.capacity <= MAX_REUSED_BUFFER) this.#paths = paths;
    return paths;
  }

  /** Computes, for each place in `text`, the best path that ends there. */
  #findPaths(text: string, { scores, starts, ids }: Paths): void {
    const { matchedIds, matchedEnds } = this.#table;
    starts.fill(UNREACHED, 0, text.length + 1);
    scores[0] = 0;
    for (let start = 0; start < text.length; ) {
      const before = scores[start] as number;
      const next = start + ((text.charCodeAt(start) & 0xfc00) === 0xd800 ? 2 : 1);
      const count = this.#table.matchPrefixes(text, start, text.length);
      let isKnown = false;
      for (let index = 0; index < count; index++) {
        const id = matchedIds[index] as number;
        const end = matchedEnds[index] as number;
        if (end === next) isKnown = true;
        const score = before + this.#scoreOf(id);
        if (starts[end] !== UNREACHED && score <= (scores[end] as number)) continue;
        scores[end] = score;
        starts[end] = start;
        ids[end] = id;
      }
      const unknown = before + this.#unknownScore;
      if (!isKnown && (starts[next] === UNREACHED || unknown > (scores[next] as number))) {
        scores[next] = unknown;
        starts[next] = start;
        ids[next] = this.unknownId;
      }
      start = next;
    }
  }

  #scoreOf(id: number): number {
    const score = this.#scores[id] as number;
    if (this.#isUnread[id] === 0) return score;
    this.#isUnread[id] = 0;
    const read = asSerdeJsonReads(score);
    this.#scores[id] = read;
    return read;
  }

  /** Follows the best path back from the end. */
  #bestPath(text: string, { starts, ids }: Paths): Pieces {
    const reversed: number[] = [];
    for (let end = text.length; end > 0; ) {
      const id = ids[end] as number;
      let start = starts[end] as number;
      if (id === this.unknownId) {
        while (start > 0 && ids[start] === id) start = starts[start] as number;
        this.#pushUnknown(text, start, end, reversed);
      } else {
        reversed.push(end, start, id);
      }
      end = start;
    }
    return reversed.reverse();
  }

  #pushUnknown(text: string, start: number, end: number, reversed: number[]): void {
    const id = this.#table.find(text, start, end);
    if (id >= 0) {
      reversed.push(end, start, id);
      return;
    }
    const ids = this.#bytes === undefined ? undefined : idsOfBytes(text.slice(start, end), this.#bytes);
    if (ids === undefined) reversed.push(end, start, this.unknownId);
    else for (const byteId of ids.reverse()) reversed.push(end, start, byteId);
  }
}

/** For each place in a word: the score of the best path to it, and the last piece of that path. */
class Paths {
  readonly capacity: number;
  readonly scores: Float64Array;
  readonly starts: Int32Array;
  readonly ids: Int32Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.scores = new Float64Array(capacity + 1);
    this.starts = new Int32Array(capacity + 1);
    this.ids = new Int32Array(capacity + 1);
  }
}

function readVocab(vocab: readonly unknown[], name: string): { pieces: string[]; scores: Float64Array } {
  const scores = new Float64Array(vocab.length);
  const pieces = vocab.map((entry, id) => {
    if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[0] !== "string" || !Number.isFinite(entry[1])) {
      throw new CheckpointError({
        found: `${name}: the entry of the vocabulary with the id ${id} is ${shown(entry)}`,
        expected: "a piece and its score, a finite number",
        advice: GET_AGAIN,
      });
    }
    scores[id] = entry[1];
    return entry[0];
  });
  return { pieces, scores };
}

function shown(entry: unknown): string {
  if (Array.isArray(entry) && entry.length === 2) return `[${entry.map(shown).join(", ")}]`;
  return typeof entry === "number" ? String(entry) : (JSON.stringify(entry) ?? "missing").slice(0, 100);
}

function byteIds(table: PieceTable): Int32Array {
  return Int32Array.from({ length: BYTES }, (_, byte) => {
    return table.find(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  });
}

/** The ids of the UTF-8 bytes of `text`, if the vocabulary has them all. */
function idsOfBytes(text: string, bytes: Int32Array): Int32Array | undefined {
  const ids = Int32Array.from(new TextEncoder().encode(text), (byte) => bytes[byte] as number);
  return ids.includes(-1) ? undefined : ids;
}
