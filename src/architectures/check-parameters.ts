/**
 * Checks that weights and configuration match.
 *
 * Must stay true: the error for a mismatch names the field of `config.json` and the tensor.
 */

import type { CheckpointWeights } from "../checkpoint/checkpoint-weights.ts";
import { describe } from "../checkpoint/describe.ts";
import { CheckpointError } from "../errors.ts";
import type { BertConfig } from "./bert/config.ts";
import { type Extent, extentOf, parameterExtents, QA_LABELS } from "./bert/parameters.ts";

/**
 * @param model the model's name, for errors.
 * @throws CheckpointError if a parameter is missing or has the wrong shape or an unsupported dtype, if there are more
 * layers than configured, or if there is no question-answering head.
 */
export function checkParameters(config: BertConfig, weights: CheckpointWeights, model: string): void {
  checkHead(weights, model);
  checkLayers(config, weights, model);
  for (const [name, extents] of parameterExtents(config.layers)) checkParameter(name, extents, config, weights, model);
}

function checkHead(weights: CheckpointWeights, model: string): void {
  const advice = "Use a checkpoint that was trained for extractive question answering (BertForQuestionAnswering).";
  if (weights.storedDtype("qa_outputs.weight") === undefined) {
    const prefixed = prefixedError("qa_outputs.weight", weights, model);
    if (prefixed !== undefined) throw prefixed;
    const found = `${model} has no question-answering head: its answers would be random`;
    throw new CheckpointError({ found, expected: "qa_outputs.weight and qa_outputs.bias", advice });
  }
  const labels = weights.info.get("qa_outputs.weight")?.shape[0];
  if (labels !== undefined && labels !== QA_LABELS) {
    const found = `${model}: qa_outputs.weight has ${labels} labels`;
    throw new CheckpointError({ found, expected: "2, the start and the end of an answer", advice });
  }
}

/** The error for a parameter with an unknown prefix, as when a wrapper around the model was saved. */
function prefixedError(name: string, weights: CheckpointWeights, model: string): CheckpointError | undefined {
  const longer = [...weights.info.keys()].find((other) => other.endsWith(`.${name}`));
  if (longer === undefined) return undefined;
  const prefix = longer.slice(0, -name.length).replace(/bert\.$/, "");
  return new CheckpointError({
    found: `${model}: the weights have ${name} under the prefix ${describe(prefix)}`,
    expected: "the names of BertForQuestionAnswering",
    advice: "Save the BERT inside the saved model with its own save_pretrained, or rename the tensors.",
  });
}

/** Surplus layers are an error: transformers drops them with a warning and then computes a different model. */
function checkLayers({ layers }: BertConfig, weights: CheckpointWeights, model: string): void {
  for (const name of weights.info.keys()) {
    const layer = /^encoder\.layer\.(\d+)\./.exec(name)?.[1];
    if (layer !== undefined && Number(layer) >= layers) {
      throw new CheckpointError({
        found: `${model}: config.json says num_hidden_layers ${layers}, but there is ${describe(name)}`,
        expected: `layers 0 to ${layers - 1}`,
        advice: "Get config.json and the weights from the same model.",
      });
    }
  }
}

function checkParameter(
  name: string,
  extents: readonly Extent[],
  config: BertConfig,
  weights: CheckpointWeights,
  model: string,
): void {
  const found = weights.info.get(name);
  if (found === undefined) throw missing(name, config, weights, model);
  const shape = extents.map((extent) => extentOf(extent, config));
  if (found.shape.length === shape.length && found.shape.every((extent, axis) => extent === shape[axis])) return;
  const wrong = extents.find((_, axis) => found.shape.length === shape.length && found.shape[axis] !== shape[axis]);
  const says = typeof wrong === "string" ? `config.json says ${wrong} ${extentOf(wrong, config)}, but ` : "";
  throw new CheckpointError({
    found: `${model}: ${says}${name} is ${describe(found.shape)}`,
    expected: `${describe(shape)}, ${extents.join(" × ")}`,
    advice: "Get config.json and the weights from the same model.",
  });
}

function missing(name: string, config: BertConfig, weights: CheckpointWeights, model: string): CheckpointError {
  const dtype = weights.storedDtype(name);
  if (dtype !== undefined) {
    return new CheckpointError({
      found: `${model}: ${name} is ${dtype}`,
      expected: "F64, F32, F16 or BF16",
      advice: "Quantised checkpoints cannot be read: use one in float32 or float16.",
    });
  }
  const prefixed = prefixedError(name, weights, model);
  if (prefixed !== undefined) return prefixed;
  const layer = /^(encoder\.layer\.\d+\.)/.exec(name)?.[1];
  const isWholeLayer = layer !== undefined && ![...weights.info.keys()].some((other) => other.startsWith(layer));
  const some = [...weights.info.keys()].slice(0, 3).map(describe).join(", ");
  return new CheckpointError({
    found: isWholeLayer
      ? `${model}: config.json says num_hidden_layers ${config.layers}, but there is no ${name} nor anything else of its layer`
      : `${model} has no ${name} (it has ${weights.info.size} others, such as ${some})`,
    expected: "every parameter of BertForQuestionAnswering",
    advice: "Check that it is a BERT, and get config.json and the weights from the same model.",
  });
}
