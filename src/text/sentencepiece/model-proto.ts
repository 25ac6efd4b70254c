/**
 * Reads SentencePiece's model file, a protobuf message: `ModelProto` of sentencepiece_model.proto. Of its fields, those are
 * read that decide what a text becomes; the rest is skipped.
 *
 * Must stay true: no file hangs or throws anything but a CheckpointError; time and memory are linear in its length.
 */
import { PbfReader } from "pbf";
import { CHECK_FILE_KIND, CheckpointError, GET_AGAIN } from "../../errors.ts";
import { MAX_TOKENS, tooManyTokens } from "../tokenizer-definition.ts";
import { decodeStrings } from "./decode-strings.ts";

export interface SentencePieceModel {
  /** By id. */
  readonly pieces: readonly (readonly [piece: string, score: number])[];
  /** Pieces that are tokens of their own wherever they stand in a text, in the order of their ids. */
  readonly symbols: readonly string[];
  readonly unknownId: number;
  /** Undefined if the model has no character map. */
  readonly charsmap: Uint8Array | undefined;
}

/** Field numbers. */
const PIECES = 1;
const TRAINER_SPEC = 2;
const NORMALIZER_SPEC = 3;
const PIECE = { text: 1, score: 2, type: 3 };
const TRAINER = { modelType: 3, whitespaceIsSuffix: 24, unknownId: 40 };
const CHARSMAP = 2;

/** Wire types. */
const VARINT = 0;
const BYTES = 2;
const FIXED32 = 5;

const NORMAL = 1;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNIGRAM = 1;
const MODEL_TYPES = ["", "UNIGRAM", "BPE", "WORD", "CHAR"];

interface Trainer {
  modelType: number;
  whitespaceIsSuffix: boolean;
  unknownId: number;
}

/**
 * @param name of the file, for errors.
 * @throws CheckpointError if it is malformed, or no Unigram.
 */
export function readModelProto(bytes: Uint8Array, name: string): SentencePieceModel {
  const reader = new ProtoReader(bytes, name);
  const texts = { bytes, starts: [] as number[], ends: [] as number[] };
  const scores: number[] = [];
  const symbolIds: number[] = [];
  const trainer: Trainer = { modelType: UNIGRAM, whitespaceIsSuffix: false, unknownId: 0 };
  let charsmap = new Uint8Array();
  let [start, end, score, type] = [0, 0, 0, NORMAL];
  const readPieceField = (field: number) => {
    if (field === PIECE.text) [start, end] = reader.bounds();
    else if (field === PIECE.score) score = reader.float();
    else if (field === PIECE.type) type = reader.integer();
  };
  const readPiece = () => {
    if (scores.length === MAX_TOKENS) throw tooManyTokens(name);
    [start, end, score, type] = [0, 0, 0, NORMAL];
    reader.message(readPieceField);
    if (type === CONTROL || type === USER_DEFINED) symbolIds.push(scores.length);
    texts.starts.push(start);
    texts.ends.push(end);
    scores.push(score);
  };
  reader.fields(bytes.length, (field) => {
    if (field === PIECES) readPiece();
    else if (field === TRAINER_SPEC) readTrainer(reader, trainer);
    else if (field === NORMALIZER_SPEC) {
      reader.message((inner) => {
        if (inner === CHARSMAP) charsmap = bytes.slice(...reader.bounds());
      });
    }
  });
  if (scores.length === 0) throw malformed(name, "has no pieces", CHECK_FILE_KIND);
  checkTrainer(trainer, name);
  const pieces = decodeStrings(texts, (id) => {
    throw malformed(name, `has a piece, number ${id}, that is not UTF-8`);
  });
  return {
    pieces: pieces.map((piece, id) => [piece, scores[id] as number]),
    symbols: symbolIds.map((id) => pieces[id] as string),
    unknownId: trainer.unknownId,
    charsmap: charsmap.length === 0 ? undefined : charsmap,
  };
}

function readTrainer(reader: ProtoReader, trainer: Trainer): void {
  reader.message((field) => {
    if (field === TRAINER.modelType) trainer.modelType = reader.integer();
    else if (field === TRAINER.whitespaceIsSuffix) trainer.whitespaceIsSuffix = reader.integer() !== 0;
    else if (field === TRAINER.unknownId) trainer.unknownId = reader.integer();
  });
}

/** transformers ignores both settings, and gives tokens that the model was not trained with. */
function checkTrainer({ modelType, whitespaceIsSuffix }: Trainer, name: string): void {
  if (modelType === UNIGRAM && !whitespaceIsSuffix) return;
  const type = `model_type ${MODEL_TYPES[modelType] ?? modelType}`;
  throw new CheckpointError({
    found: `${name} has ${modelType === UNIGRAM ? "treat_whitespace_as_suffix" : type}`,
    expected: "a UNIGRAM with white space before words",
    advice:
      "Add the model's tokenizer.json, which is read instead, if there is one; otherwise choose another checkpoint.",
  });
}

/** The wire format, with every length and type checked. */
class ProtoReader {
  readonly #pbf: PbfReader;
  readonly #name: string;
  /** Of the message that is being read. */
  #end = 0;

  constructor(bytes: Uint8Array, name: string) {
    this.#pbf = new PbfReader(bytes);
    this.#name = name;
  }

  /** Calls `read` with the number of every field up to `end`; what it does not read is skipped. */
  fields(end: number, read: (field: number) => void): void {
    const pbf = this.#pbf;
    const outer = this.#end;
    this.#end = end;
    for (;;) {
      const field = this.#nextField();
      if (field === 0) break;
      read(field);
      this.#checkPosition();
    }
    if (pbf.pos !== end) throw this.#malformed();
    this.#end = outer;
  }

  /** The fields of the message that is the value of this field. */
  message(read: (field: number) => void): void {
    this.fields(this.#endOfBytes(), read);
  }

  /** Where the bytes that are the value of this field begin and end. */
  bounds(): [start: number, end: number] {
    const end = this.#endOfBytes();
    const start = this.#pbf.pos;
    this.#pbf.pos = end;
    return [start, end];
  }

  float(): number {
    this.#checkType(FIXED32);
    if (this.#pbf.pos + 4 > this.#end) throw this.#malformed();
    return this.#pbf.readFloat();
  }

  /** An int32 or an enum. */
  integer(): number {
    this.#checkType(VARINT);
    return this.#varint();
  }

  #endOfBytes(): number {
    this.#checkType(BYTES);
    const length = this.#varint();
    const end = this.#pbf.pos + length;
    if (length < 0 || end > this.#end) throw this.#malformed();
    return end;
  }

  #nextField(): number {
    try {
      return this.#pbf.nextField(this.#end);
    } catch {
      // A group, or a varint of more than ten bytes.
      throw this.#malformed();
    }
  }

  #varint(): number {
    try {
      return this.#pbf.readVarint(true);
    } catch {
      throw this.#malformed();
    }
  }

  #checkType(type: number): void {
    if (this.#pbf.type !== type) throw this.#malformed();
  }

  #checkPosition(): void {
    if (this.#pbf.pos > this.#end) throw this.#malformed();
  }

  #malformed(): CheckpointError {
    return malformed(this.#name, `is no model of SentencePiece (at byte ${Math.min(this.#pbf.pos, this.#pbf.length)})`);
  }
}

function malformed(name: string, found: string, advice = GET_AGAIN): CheckpointError {
  return new CheckpointError({ found: `${name} ${found}`, expected: "SentencePiece's ModelProto", advice });
}
