/** The models of tokenizer.json, by their `type`. A new kind gets a class in `models/` and a line here. */
import * as v from "valibot";
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { Bpe } from "../models/bpe.ts";
import { MAX_RANKS } from "../models/merge-queue.ts";
import { type Merge, Merges } from "../models/merges.ts";
import { Unigram } from "../unigram.ts";
import { requireId } from "../vocabulary.ts";
import { inside, type Place, type Readers, tokenIdSchema, validate } from "./validate.ts";
import { type ReadModel, readVocab, readWordPiece, vocab } from "./word-piece.ts";

const bpeSchema = v.object({
  dropout: v.nullish(v.literal(0)),
  unk_token: v.nullish(v.string()),
  continuing_subword_prefix: v.nullish(v.string(), ""),
  end_of_word_suffix: v.nullish(v.string(), ""),
  fuse_unk: v.nullish(v.boolean(), false),
  byte_fallback: v.nullish(v.boolean(), false),
  ignore_merges: v.nullish(v.boolean(), false),
  vocab,
  merges: v.array(v.unknown()),
});
// Pieces are checked by Unigram: a schema would take as long as all the rest.
const unigramSchema = v.object({
  unk_id: tokenIdSchema,
  byte_fallback: v.nullish(v.boolean(), false),
  vocab: v.custom<readonly unknown[]>(Array.isArray, "Expected a list of pieces with their scores"),
});

export const models: Readers<ReadModel> = {
  WordPiece: readWordPiece,
  BPE(value, { name, path }) {
    const options = validate(bpeSchema, value, name, path);
    const vocabulary = readVocab(options.vocab, { name, path: `${path}.vocab` });
    const merges = readMerges(options.merges, { name, path: `${path}.merges` });
    const prefix = options.continuing_subword_prefix ?? "";
    const unknown = options.unk_token ?? undefined;
    const model = new Bpe({
      vocabulary: vocabulary.ids,
      merges: new Merges(merges, vocabulary.ids, prefix, name),
      unknownId: unknown === undefined ? undefined : requireId(unknown, vocabulary, name),
      fuseUnknown: options.fuse_unk ?? false,
      byteFallback: options.byte_fallback ?? false,
      continuingSubwordPrefix: prefix,
      endOfWordSuffix: options.end_of_word_suffix ?? "",
      ignoreMerges: options.ignore_merges ?? false,
    });
    return { model, vocabulary };
  },
  Unigram(value, { name, path }) {
    const { unk_id: unknownId, byte_fallback, vocab } = validate(unigramSchema, value, name, path);
    const model = new Unigram({ vocab, unknownId, byteFallback: byte_fallback ?? false, isJson: true, name });
    return { model, vocabulary: model };
  },
};

/** Pairs, or as in old files strings with one space between. */
function readMerges(entries: readonly unknown[], place: Place): Merge[] {
  if (entries.length >= MAX_RANKS) throw badMerge(place, `${entries.length} long`, `fewer than ${MAX_RANKS}`);
  return entries.map((entry, index) => {
    const merge = typeof entry === "string" ? splitMerge(entry) : entry;
    if (isMerge(merge)) return merge;
    throw badMerge(inside(place, String(index)), JSON.stringify(entry)?.slice(0, 80) ?? "missing", "two tokens");
  });
}

function isMerge(value: unknown): value is Merge {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && typeof value[1] === "string";
}

/** A line of merges.txt: two tokens with one space between. */
export function splitMerge(line: string): string[] {
  return line.split(" ", 3);
}

function badMerge({ name, path }: Place, found: string, expected: string): CheckpointError {
  return new CheckpointError({ found: `${name}: ${path} is ${found}`, expected, advice: GET_AGAIN });
}
