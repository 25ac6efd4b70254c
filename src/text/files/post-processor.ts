/**
 * The post-processor of tokenizer.json: how a question and a text become one sequence, and whether the offsets of
 * byte-level tokens are trimmed.
 *
 * `windows.ts` builds the sequence from a template with a special token before the question, whose position stands for
 * "no answer". A post-processor that describes anything else is rejected.
 */
import * as v from "valibot";
import { CheckpointError } from "../../errors.ts";
import type { OffsetTrim } from "../offset-trim.ts";
import { bertTemplate, type PairTemplate, robertaTemplate, type TemplateToken } from "../pair-template.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { inside, type Place, type Readers, readByType, tokenIdSchema, validate } from "./validate.ts";

const typeId = v.picklist([0, 1]);
const special = v.strictObject({ SpecialToken: v.object({ id: v.string(), type_id: typeId }) });
const sequence = v.strictObject({ Sequence: v.object({ id: v.picklist(["A", "B"]), type_id: typeId }) });
const templateSchema = v.object({
  pair: v.array(v.union([special, sequence])),
  special_tokens: v.record(v.string(), v.object({ ids: v.array(tokenIdSchema) })),
});
const namedToken = v.strictTuple([v.string(), tokenIdSchema]);
const separatorsSchema = v.object({ cls: namedToken, sep: namedToken });
const robertaSchema = v.object({
  ...separatorsSchema.entries,
  trim_offsets: v.boolean(),
  add_prefix_space: v.boolean(),
});
const byteLevelSchema = v.object({ trim_offsets: v.boolean(), add_prefix_space: v.boolean() });
const sequenceSchema = v.object({ processors: v.array(v.unknown()) });

export interface PostProcessor {
  /** Absent if it adds no special tokens. */
  readonly pair?: PairTemplate;
  readonly trims: readonly OffsetTrim[];
}

const readers: Readers<PostProcessor> = {
  TemplateProcessing: (value, place) => ({ pair: readTemplate(value, place), trims: [] }),
  BertProcessing(value, { name, path }) {
    const { cls, sep } = validate(separatorsSchema, value, name, path);
    return { pair: bertTemplate(cls[1], sep[1]), trims: [] };
  },
  RobertaProcessing(value, { name, path }) {
    const options = validate(robertaSchema, value, name, path);
    return { pair: robertaTemplate(options.cls[1], options.sep[1]), trims: trimsOf(options) };
  },
  ByteLevel: (value, { name, path }) => ({ trims: trimsOf(validate(byteLevelSchema, value, name, path)) }),
  Sequence(value, place) {
    const { processors } = validate(sequenceSchema, value, place.name, place.path);
    const members = processors.map((member, index) =>
      readByType(readers, member, inside(place, `processors[${index}]`)),
    );
    const pairs = members.flatMap(({ pair }) => (pair === undefined ? [] : [pair]));
    if (pairs.length > 1) {
      throw refusal(place, "has several members that add special tokens", "one that does");
    }
    return { ...(pairs[0] && { pair: pairs[0] }), trims: members.flatMap(({ trims }) => trims) };
  },
};

/**
 * @param vocabulary with the added tokens.
 * @throws CheckpointError if it is malformed, is of no known kind, has no template for a pair, or names an id that no
 * token has.
 */
export function readPostProcessor(
  value: unknown,
  vocabulary: Vocabulary,
  place: Place,
): PostProcessor & { readonly pair: PairTemplate } {
  const { pair, trims } = readByType(readers, value, place);
  if (pair === undefined) {
    throw refusal(place, "adds no special tokens", 'one before the question, whose position stands for "no answer"');
  }
  for (const { id } of [...pair.before, ...pair.between, ...pair.after]) {
    if (vocabulary.tokenOf(id) !== undefined) continue;
    throw refusal(place, `gives a special token the id ${id}, which no token of the vocabulary has`, "ids of tokens");
  }
  return { pair, trims };
}

function trimsOf(options: v.InferOutput<typeof byteLevelSchema>): OffsetTrim[] {
  return options.trim_offsets ? [{ addPrefixSpace: options.add_prefix_space }] : [];
}

function readTemplate(value: unknown, place: Place): PairTemplate {
  const { pair, special_tokens: tokens } = validate(templateSchema, value, place.name, place.path);
  const written = pair.map((entry) =>
    "SpecialToken" in entry
      ? `${entry.SpecialToken.id}:${entry.SpecialToken.type_id}`
      : `$${entry.Sequence.id}:${entry.Sequence.type_id}`,
  );
  /** The special tokens before the question, between, and after the text. */
  const parts: TemplateToken[][] = [[]];
  const types: number[] = [];
  let order = "";
  for (const entry of pair) {
    if ("Sequence" in entry) {
      order += entry.Sequence.id;
      types.push(entry.Sequence.type_id);
      parts.push([]);
      continue;
    }
    const { id: token, type_id: type } = entry.SpecialToken;
    const ids = Object.hasOwn(tokens, token) ? tokens[token]?.ids : undefined;
    if (ids === undefined) {
      throw refusal(place, `names ${JSON.stringify(token)} in pair, which special_tokens does not have`, "it there");
    }
    parts.at(-1)?.push(...ids.map((id) => ({ id, type })));
  }
  const [before = [], between = [], after = []] = parts;
  const [questionType, textType] = types;
  if (order !== "AB" || before.length === 0 || questionType === undefined || textType === undefined) {
    throw refusal(
      inside(place, "pair"),
      `is ${JSON.stringify(written.join(" "))}`,
      'a special token and then both sequences, as "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"',
    );
  }
  return { before, questionType, between, textType, after };
}

function refusal({ name, path }: Place, found: string, expected: string): CheckpointError {
  return new CheckpointError({
    found: `${name}: ${path} ${found}`,
    expected,
    advice:
      "Only a tokenizer that reads a question and a text as one sequence can be used: check that it is the model's.",
  });
}
