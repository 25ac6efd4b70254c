/**
 * Parses and checks a model's `config.json`.
 *
 * Must stay true: a configuration that fusebert would compute differently from transformers is rejected by name, never
 * approximated. Fields that do not affect inference (dropout, initialisation and so on) are ignored.
 */
import * as v from "valibot";
import { describe } from "../../checkpoint/describe.ts";
import { type JsonObject, parseJsonObject } from "../../checkpoint/json.ts";
import { CheckpointError, GET_AGAIN } from "../../errors.ts";

export interface BertConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediateSize: number;
  readonly maxPositions: number;
  readonly tokenTypes: number;
  readonly layerNormEps: number;
  readonly padTokenId: number;
}

/** Advice for valid but unsupported values, for which getting the file again would not help. */
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ["hidden_act", "Another activation is not supported: use a checkpoint that was trained with this one."],
  ["position_embedding_type", "Relative positions are not supported: use a checkpoint trained with absolute ones."],
  ["pruned_heads", "Pruned heads are not supported: use the checkpoint before pruning."],
  ["type_vocab_size", "Token types distinguish question and text: use a checkpoint that has them."],
  ["max_position_embeddings", "A question and a text do not fit: use another checkpoint."],
  ["is_decoder", "Decoders are not supported: use an encoder that was trained for question answering."],
  ["add_cross_attention", "Cross-attention is not supported: use an encoder that was trained for question answering."],
]);

/** More than any BERT has; bounded because work and memory grow with it before any weight is read. */
const MAX_LAYERS = 1024;
const MAX_SIZE = 2 ** 31 - 1;
/** [CLS], a question token, [SEP], a context token, [SEP]. */
const MIN_POSITIONS = 5;
/** Models use 1e-12 to 1e-3. Smaller values are zero in float32, larger ones swamp the variance. */
const EPS_RANGE = [1e-30, 0.1] as const;

const size = wholeNumber(1, MAX_SIZE);

const ConfigJson = v.looseObject(
  {
    vocab_size: size,
    hidden_size: size,
    num_hidden_layers: wholeNumber(1, MAX_LAYERS),
    num_attention_heads: size,
    intermediate_size: size,
    // Absent or null below: the default of transformers' BertConfig.
    max_position_embeddings: v.nullish(wholeNumber(MIN_POSITIONS, MAX_SIZE), 512),
    // The question's tokens have type 0, the text's have 1.
    type_vocab_size: v.nullish(wholeNumber(2, MAX_SIZE), 2),
    layer_norm_eps: v.nullish(eps(), 1e-12),
    pad_token_id: v.nullish(wholeNumber(0, MAX_SIZE), 0),
    hidden_act: v.nullish(v.literal("gelu", 'the erf GELU, "gelu", the only one that fusebert computes'), "gelu"),
    position_embedding_type: v.nullish(v.literal("absolute", '"absolute"'), "absolute"),
    is_decoder: v.nullish(v.literal(false, "false: fusebert computes encoders"), false),
    pruned_heads: v.nullish(v.strictObject({}, "no pruned heads"), {}),
    add_cross_attention: v.nullish(v.literal(false, "false: fusebert computes encoders"), false),
  },
  "a whole number of at least 1",
);

/**
 * The sizes of vocabulary, hidden state, layers, heads and intermediate state are required; the other fields have
 * transformers' defaults: 512 positions, 2 token types, eps 1e-12, padding 0, GELU.
 * @param fileName for errors.
 * @throws CheckpointError that names the field.
 */
export function parseConfig(json: string, fileName = "config.json"): BertConfig {
  return readConfig(parseJsonObject(json, fileName), fileName);
}

/** As `parseConfig`, for parsed JSON. */
export function readConfig(object: JsonObject, fileName: string): BertConfig {
  checkKind(object, fileName);
  const result = v.safeParse(ConfigJson, object, { abortEarly: true });
  if (!result.success) throw issueError(result.issues[0], fileName);
  const config = {
    vocabSize: result.output.vocab_size,
    hiddenSize: result.output.hidden_size,
    layers: result.output.num_hidden_layers,
    heads: result.output.num_attention_heads,
    intermediateSize: result.output.intermediate_size,
    maxPositions: result.output.max_position_embeddings,
    tokenTypes: result.output.type_vocab_size,
    layerNormEps: result.output.layer_norm_eps,
    padTokenId: result.output.pad_token_id,
  };
  checkTogether(config, fileName);
  return config;
}

function wholeNumber(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(expected),
    v.integer(expected),
    v.minValue(min, expected),
    v.maxValue(max, expected),
    v.transform((value) => value + 0), // Turns JSON's -0 into 0.
  );
}

function eps() {
  const [min, max] = EPS_RANGE;
  const expected = `a number from ${min} to ${max}`;
  return v.pipe(v.number(expected), v.minValue(min, expected), v.maxValue(max, expected));
}

/** Old files have no model_type, but name the transformers class in `architectures`. */
function checkKind({ model_type: kind, architectures }: JsonObject, fileName: string): void {
  if (kind === "bert") return;
  const isBertClass = (name: unknown) => typeof name === "string" && /^Bert(Model$|For[A-Z])/.test(name);
  if (kind === undefined && Array.isArray(architectures) && architectures.some(isBertClass)) return;
  throw new CheckpointError({
    found: kind === undefined ? `${fileName} has no model_type` : `${fileName}: model_type is ${describe(kind)}`,
    expected: '"bert"',
    advice:
      kind === undefined
        ? 'If the model is a BERT, add "model_type": "bert" to the file; otherwise use a BERT checkpoint.'
        : "Use a BERT checkpoint that was trained for question answering.",
  });
}

function issueError({ path, input, message }: v.InferIssue<typeof ConfigJson>, fileName: string): CheckpointError {
  const field = String(path?.[0]?.key);
  const unsupported = UNSUPPORTED.get(field);
  return new CheckpointError({
    found: input === undefined ? `${fileName} has no ${field}` : `${fileName}: ${field} is ${describe(input)}`,
    expected: message,
    advice: unsupported ?? `Check that it is the config.json of a BERT. ${GET_AGAIN}`,
  });
}

/** Checks constraints between fields. */
function checkTogether({ hiddenSize, heads, padTokenId, vocabSize }: BertConfig, fileName: string): void {
  if (hiddenSize % heads !== 0) {
    throw new CheckpointError({
      found: `${fileName}: hidden_size is ${hiddenSize} and num_attention_heads is ${heads}`,
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
