/**
 * How families read `config.json`: the kinds of fields, and errors that name the field.
 *
 * Must stay true: a configuration that fusebert would compute differently from transformers is rejected by name, never
 * approximated. Fields that do not affect inference (dropout, initialisation and so on) are ignored.
 */
import * as v from "valibot";
import { describe } from "../checkpoint/describe.ts";
import type { JsonObject } from "../checkpoint/json.ts";
import { CheckpointError, GET_AGAIN } from "../errors.ts";

/** More than any model has; bounded because work and memory grow with it before any weight is read. */
export const MAX_LAYERS = 1024;
export const MAX_SIZE = 2 ** 31 - 1;
/** Special tokens, a question token and a context token. */
export const MIN_POSITIONS = 5;
/** Models use 1e-12 to 1e-3. Smaller values are zero in float32, larger ones swamp the variance. */
const EPS_RANGE = [1e-30, 0.1] as const;

export function wholeNumber(min: number, max: number = MAX_SIZE) {
  const expected = `a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(expected),
    v.integer(expected),
    v.minValue(min, expected),
    v.maxValue(max, expected),
    v.transform((value) => value + 0), // Turns JSON's -0 into 0.
  );
}

export const size = wholeNumber(1);

export function eps() {
  const [min, max] = EPS_RANGE;
  const expected = `a number from ${min} to ${max}`;
  return v.pipe(v.number(expected), v.minValue(min, expected), v.maxValue(max, expected));
}

/** The activation, where only the erf GELU is possible. */
export const erfGelu = v.nullish(
  v.literal("gelu", 'the erf GELU, "gelu", the only one that fusebert computes here'),
  "gelu",
);

/** Fields of encoders whose other values fusebert does not compute. */
export const encoderOnly = {
  is_decoder: v.nullish(v.literal(false, "false: fusebert computes encoders"), false),
  pruned_heads: v.nullish(v.strictObject({}, "no pruned heads"), {}),
  add_cross_attention: v.nullish(v.literal(false, "false: fusebert computes encoders"), false),
};

export const absolutePositions = v.nullish(v.literal("absolute", '"absolute"'), "absolute");

/** Advice for valid but unsupported values, for which getting the file again would not help. */
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ["hidden_act", "Another activation is not supported: use a checkpoint that was trained with this one."],
  ["activation", "Another activation is not supported: use a checkpoint that was trained with this one."],
  ["hidden_activation", "Another activation is not supported: use a checkpoint that was trained with this one."],
  ["position_embedding_type", "Relative positions are not supported: use a checkpoint trained with absolute ones."],
  ["pruned_heads", "Pruned heads are not supported: use the checkpoint before pruning."],
  ["type_vocab_size", "Token types distinguish question and text: use a checkpoint that has them."],
  ["max_position_embeddings", "A question and a text do not fit: use another checkpoint."],
  ["is_decoder", "Decoders are not supported: use an encoder that was trained for question answering."],
  ["add_cross_attention", "Cross-attention is not supported: use an encoder that was trained for question answering."],
]);

/**
 * The fields of a schema, checked.
 * @param kind of model, with its article, for errors: `a BERT`.
 * @throws CheckpointError that names the field.
 */
export function readFields<Schema extends v.GenericSchema>(
  schema: Schema,
  object: JsonObject,
  fileName: string,
  kind: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, object, { abortEarly: true });
  if (result.success) return result.output;
  const [{ path, input, message }] = result.issues;
  const field = (path ?? []).map(({ key }) => String(key)).join(".");
  const advice = UNSUPPORTED.get(String(path?.[0]?.key));
  throw new CheckpointError({
    found: input === undefined ? `${fileName} has no ${field}` : `${fileName}: ${field} is ${describe(input)}`,
    expected: message,
    advice: advice ?? `Check that it is the config.json of ${kind}. ${GET_AGAIN}`,
  });
}

export interface SizesTogether {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly padTokenId: number;
  readonly vocabSize: number;
}

/** Checks constraints between fields. @param names of the fields of hidden size and heads. */
export function checkTogether(
  { hiddenSize, heads, padTokenId, vocabSize }: SizesTogether,
  fileName: string,
  names: readonly [hidden: string, heads: string] = ["hidden_size", "num_attention_heads"],
): void {
  if (hiddenSize % heads !== 0) {
    throw new CheckpointError({
      found: `${fileName}: ${names[0]} is ${hiddenSize} and ${names[1]} is ${heads}`,
      expected: "a hidden size that is a multiple of the number of heads",
      advice: GET_AGAIN,
    });
  }
  if (padTokenId >= vocabSize) {
    throw new CheckpointError({
      found: `${fileName}: pad_token_id is ${padTokenId}`,
      expected: `an id below vocab_size, ${vocabSize}`,
      advice: GET_AGAIN,
    });
  }
}

/** The error for a valid setting that fusebert does not compute. */
export function unsupported(fileName: string, field: string, value: unknown, expected: string): CheckpointError {
  return new CheckpointError({
    found: `${fileName}: ${field} is ${describe(value)}`,
    expected,
    advice: "Another value is not supported: use a checkpoint that was trained with this one.",
  });
}
