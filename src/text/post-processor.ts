/**
 * The post-processor of a tokenizer.json: the ids of [CLS] and [SEP].
 *
 * `windows.ts` builds the sequence [CLS] question [SEP] context [SEP]; a post-processor that describes another one is
 * rejected.
 */
import * as v from "valibot";
import { CheckpointError } from "../errors.ts";
import type { AddedToken } from "./added-tokens.ts";
import { requireId } from "./tokenizer-definition.ts";
import { tokenIdSchema, validate } from "./validate.ts";

const piece = v.object({ id: v.string(), type_id: v.number() });
const template = v.array(v.union([v.object({ SpecialToken: piece }), v.object({ Sequence: piece })]));
const namedToken = v.strictTuple([v.string(), tokenIdSchema]);

const schema = v.object({
  post_processor: v.variant("type", [
    v.object({
      type: v.literal("TemplateProcessing"),
      single: template,
      pair: template,
      special_tokens: v.record(v.string(), v.object({ ids: v.array(tokenIdSchema) })),
    }),
    v.object({ type: v.literal("BertProcessing"), cls: namedToken, sep: namedToken }),
  ]),
});

type PostProcessor = v.InferOutput<typeof schema>["post_processor"];
type TemplateProcessing = Extract<PostProcessor, { type: "TemplateProcessing" }>;

export interface SeparatorIds {
  readonly cls: number;
  readonly sep: number;
}

/**
 * The ids that a post-processor gives; without one, those of the tokens [CLS] and [SEP].
 * @throws CheckpointError if it describes a sequence other than BERT's, or an id is not in the vocabulary.
 */
export function readSpecialIds(
  postProcessor: unknown,
  vocabulary: ReadonlyMap<string, number>,
  addedTokens: readonly AddedToken[],
  name: string,
): SeparatorIds {
  if (postProcessor === null || postProcessor === undefined) {
    return {
      cls: requireId("[CLS]", vocabulary, addedTokens, name),
      sep: requireId("[SEP]", vocabulary, addedTokens, name),
    };
  }
  const processor = validate(schema, { post_processor: postProcessor }, name).post_processor;
  const ids =
    processor.type === "BertProcessing"
      ? { cls: processor.cls[1], sep: processor.sep[1] }
      : readTemplates(processor, name);
  const known = new Set([...vocabulary.values(), ...addedTokens.map(({ id }) => id)]);
  for (const [token, id] of Object.entries(ids)) {
    if (known.has(id)) continue;
    throw new CheckpointError({
      found: `${name}: post_processor gives ${token} the id ${id}, which no token of the vocabulary has`,
      expected: "the id of a token",
      advice: "Check that the file is complete.",
    });
  }
  return ids;
}

function readTemplates(processor: TemplateProcessing, name: string): SeparatorIds {
  const [first, , last] = processor.single;
  const cls = first !== undefined && "SpecialToken" in first ? first.SpecialToken.id : "[CLS]";
  const sep = last !== undefined && "SpecialToken" in last ? last.SpecialToken.id : "[SEP]";
  requireTemplate("single", processor.single, `${cls}:0 $A:0 ${sep}:0`, name);
  requireTemplate("pair", processor.pair, `${cls}:0 $A:0 ${sep}:0 $B:1 ${sep}:1`, name);
  return { cls: templateId(processor, cls, name), sep: templateId(processor, sep, name) };
}

/** Compares a template in the notation of the Rust crate: `id:token type`. */
function requireTemplate(key: string, template: TemplateProcessing["single"], expected: string, name: string): void {
  const written = template.map((entry) =>
    "SpecialToken" in entry
      ? `${entry.SpecialToken.id}:${entry.SpecialToken.type_id}`
      : `$${entry.Sequence.id}:${entry.Sequence.type_id}`,
  );
  if (written.join(" ") === expected) return;
  throw new CheckpointError({
    found: `${name}: post_processor.${key} is ${JSON.stringify(written.join(" "))}`,
    expected: `BERT's ${JSON.stringify(expected)}`,
    advice: "Only models that read [CLS] question [SEP] context [SEP] can be used.",
  });
}

function templateId({ special_tokens: tokens }: TemplateProcessing, token: string, name: string): number {
  const ids = Object.hasOwn(tokens, token) ? tokens[token]?.ids : undefined;
  const id = ids?.[0];
  if (id !== undefined && ids?.length === 1) return id;
  throw new CheckpointError({
    found: `${name}: post_processor.special_tokens gives ${token} ${ids?.length ?? 0} ids`,
    expected: "one",
    advice: "Check that the file is complete.",
  });
}
