/** Writes SentencePiece's model file. */
import { PbfWriter } from "pbf";

export interface ModelParts {
  /** Piece, score and type (1 normal, 2 unknown, 3 control, 4 user-defined). */
  readonly pieces: readonly (readonly [piece: string | Uint8Array, score: number, type?: number])[];
  readonly unknownId?: number;
  readonly modelType?: number;
  readonly whitespaceIsSuffix?: boolean;
  readonly charsmap?: Uint8Array;
}

export function encodeModel({ pieces, unknownId, modelType, whitespaceIsSuffix, charsmap }: ModelParts): Uint8Array {
  const pbf = new PbfWriter();
  for (const [piece, score, type = 1] of pieces) {
    pbf.writeMessage(
      1,
      (_, inner) => {
        inner.writeBytesField(1, typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
        inner.writeFloatField(2, score);
        if (type !== 1) inner.writeVarintField(3, type);
      },
      null,
    );
  }
  pbf.writeMessage(
    2,
    (_, inner) => {
      inner.writeStringField(1, "a field that is not read");
      if (modelType !== undefined) inner.writeVarintField(3, modelType);
      if (whitespaceIsSuffix === true) inner.writeBooleanField(24, true);
      if (unknownId !== undefined) inner.writeVarintField(40, unknownId);
    },
    null,
  );
  pbf.writeMessage(
    3,
    (_, inner) => {
      inner.writeStringField(1, "nmt_nfkc");
      if (charsmap !== undefined) inner.writeBytesField(2, charsmap);
      inner.writeBooleanField(3, true);
    },
    null,
  );
  return pbf.finish().slice();
}
