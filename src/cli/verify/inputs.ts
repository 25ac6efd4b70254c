/**
 * The input of the layer under test: the embeddings of a text, or the output of the layers before.
 */

import type { Checkpoint } from "../../architectures/checkpoint.ts";
import { questionAnsweringProgram } from "../../architectures/index.ts";
import { batchInputs } from "../../architectures/inputs.ts";
import { CheckpointError, InputError } from "../../errors.ts";
import { selectOutputs } from "../../program/program.ts";
import { seededNormal } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LayerInputs } from "../../verify/layer/layer-inputs.ts";
import { compute, readParameters } from "../../verify/layer/layer-under-test.ts";
import { demoQuestions } from "../demo-questions.ts";
import { readTexts } from "../read-texts.ts";

export interface InputText {
  readonly source: string;
  readonly text: string;
}

export interface VerifyInputs extends LayerInputs {
  /** `source` names the text they are computed from. */
  readonly embeddings: { readonly source: string; readonly tensor: Tensor };
}

/** The text given by the options, or a passage of the demo. */
export async function chooseText(
  { text, context }: { text?: string; context?: string },
  signal: AbortSignal,
): Promise<InputText> {
  if (text === undefined && context === undefined)
    return { source: "built-in passage", text: demoQuestions[0]?.context ?? "" };
  const [named] = await readTexts(context === undefined ? [] : [context], text, signal);
  return named ?? { source: "text", text: "" };
}

/** Number of random tokens for a model without a tokenizer, unless a length is given. */
const randomLength = 48;

/**
 * @param layer the layer whose input is computed.
 * @param sequenceLength pads or cuts the text to this many tokens; absent: only cuts it at the model's limit.
 */
export async function layerInputs(
  checkpoint: Checkpoint,
  layer: number,
  input: InputText,
  sequenceLength: number | undefined,
  seed: number,
): Promise<VerifyInputs> {
  const { config } = checkpoint;
  if (sequenceLength !== undefined && sequenceLength > config.maxPositions) {
    throw new InputError({
      found: `--sequence-length is ${sequenceLength}`,
      expected: `at most ${config.maxPositions}, the positions this model has`,
    });
  }
  const { ids, source } = await tokenIds(checkpoint, input, sequenceLength ?? randomLength, seed);
  const length = sequenceLength ?? Math.min(ids.length, config.maxPositions);
  const padded = Int32Array.from({ length }, (_, index) => ids[index] ?? config.padTokenId);
  const mask = Int32Array.from({ length }, (_, index) => (index < ids.length ? 1 : 0));
  const integers = (data: Int32Array): Tensor<"i32"> => ({ dtype: "i32", shape: [1, length], data });
  const attentionMask = integers(mask);
  const wanted = layer === 0 ? ["embeddings"] : ["embeddings", `layer.${layer - 1}.output`];
  const program = selectOutputs(questionAnsweringProgram(config), wanted);
  const parameters = await readParameters(program, (name) => checkpoint.weights.read(name));
  const outputs = await compute(
    program,
    parameters,
    batchInputs([{ inputIds: padded, tokenTypeIds: new Int32Array(length) }], config).set(
      "attention_mask",
      attentionMask,
    ),
  );
  const tensorOf = (name: string): Tensor => outputs.get(name) as Tensor;
  return {
    hiddenStates: tensorOf(wanted.at(-1) as string),
    attentionMask,
    embeddings: { source, tensor: tensorOf("embeddings") },
  };
}

/** `[CLS] text [SEP]`; random ids for a model without a tokenizer. */
async function tokenIds(
  checkpoint: Checkpoint,
  { source, text }: InputText,
  randomCount: number,
  seed: number,
): Promise<{ ids: number[]; source: string }> {
  try {
    const tokenizer = await checkpoint.tokenizer();
    const before = tokenizer.pair.before.map(({ id }) => id);
    const after = tokenizer.pair.after.map(({ id }) => id);
    const maxTokens = checkpoint.config.maxPositions - before.length - after.length;
    return { ids: [...before, ...tokenizer.encode(text).ids.subarray(0, maxTokens), ...after], source };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const random = seededNormal(seed);
    const { vocabSize, maxPositions } = checkpoint.config;
    const length = Math.min(randomCount, maxPositions);
    const ids = Array.from({ length }, () => Math.floor(Math.abs(random() * 1e6)) % vocabSize);
    return { ids, source: "made-up tokens (the model has no tokenizer)" };
  }
}
