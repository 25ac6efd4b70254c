/**
 * Checks that weights and configuration match.
 *
 * Must stay true: the error for a mismatch names the field of `config.json` and the tensor.
 */

import type { CheckpointWeights } from "../checkpoint/checkpoint-weights.ts";
import { describe } from "../checkpoint/describe.ts";
import { CheckpointError } from "../errors.ts";
import type { Architecture, ModelConfig } from "./architecture.ts";
import { type NamedExtent, QA_LABELS } from "./extents.ts";
import { classNamesOf } from "./families.ts";

/**
 * @param model the model's name, for errors.
 * @throws CheckpointError if a parameter is missing or has the wrong shape or an unsupported dtype, if there are more
 * layers than configured, or if there is no question-answering head.
 */
export function checkParameters(
  architecture: Architecture,
  config: ModelConfig,
  weights: CheckpointWeights,
  model: string,
): void {
  const checked = { architecture, config, weights, model };
  checkHead(checked);
  checkLayers(checked);
  for (const [name, extents] of architecture.parameters(config)) checkParameter(name, extents, checked);
}

interface Checked {
  readonly architecture: Architecture;
  readonly config: ModelConfig;
  readonly weights: CheckpointWeights;
  readonly model: string;
}

/** The class of transformers that has these parameters. */
const classOf = ({ config }: Checked): string => `${classNamesOf(config)[0]}ForQuestionAnswering`;

function checkHead(checked: Checked): void {
  const { architecture, weights, model } = checked;
  const [weight, bias] = [`${architecture.head}.weight`, `${architecture.head}.bias`];
  const advice = `Use a checkpoint that was trained for extractive question answering (${classOf(checked)}).`;
  if (weights.storedDtype(weight) === undefined) {
    const prefixed = prefixedError(weight, checked);
    if (prefixed !== undefined) throw prefixed;
    const found = `${model} has no question-answering head: its answers would be random`;
    throw new CheckpointError({ found, expected: `${weight} and ${bias}`, advice });
  }
  const labels = weights.info.get(weight)?.shape[0];
  if (labels !== undefined && labels !== QA_LABELS) {
    const found = `${model}: ${weight} has ${labels} labels`;
    throw new CheckpointError({ found, expected: "2, the start and the end of an answer", advice });
  }
}

/** The error for a parameter with an unknown prefix, as when a wrapper around the model was saved. */
function prefixedError(name: string, checked: Checked): CheckpointError | undefined {
  const { architecture, weights, model } = checked;
  const longer = [...weights.info.keys()].find((other) => other.endsWith(`.${name}`));
  if (longer === undefined) return undefined;
  const whole = longer.slice(0, -name.length);
  const prefix = whole.endsWith(architecture.prefix) ? whole.slice(0, -architecture.prefix.length) : whole;
  return new CheckpointError({
    found: `${model}: the weights have ${name} under the prefix ${describe(prefix)}`,
    expected: `the names of ${classOf(checked)}`,
    advice: "Save the model inside the saved one with its own save_pretrained, or rename the tensors.",
  });
}

/** The number of layers that have parameters of their own. */
function storedLayers({ architecture, config }: Checked): number {
  const indices = [...architecture.parameters(config).keys()].map((name) => layerOf(name, architecture));
  return 1 + Math.max(...indices.map((index) => index ?? -1));
}

function layerOf(name: string, { layerParameter }: Architecture): number | undefined {
  const index = layerParameter.exec(name)?.[1];
  return index === undefined ? undefined : Number(index);
}

/** Surplus layers are an error: transformers drops them with a warning and then computes a different model. */
function checkLayers(checked: Checked): void {
  const { architecture, weights, model } = checked;
  const count = storedLayers(checked);
  for (const name of weights.info.keys()) {
    if ((layerOf(name, architecture) ?? -1) >= count) {
      throw new CheckpointError({
        found: `${model}: config.json says ${architecture.layerField} ${count}, but there is ${describe(name)}`,
        expected: `layers 0 to ${count - 1}`,
        advice: "Get config.json and the weights from the same model.",
      });
    }
  }
}

function checkParameter(name: string, extents: readonly NamedExtent[], checked: Checked): void {
  const { weights, model } = checked;
  const found = weights.info.get(name);
  if (found === undefined) throw missing(name, checked);
  const shape = extents.map(({ size }) => size);
  if (found.shape.length === shape.length && found.shape.every((size, axis) => size === shape[axis])) return;
  const wrong = extents.find((_, axis) => found.shape.length === shape.length && found.shape[axis] !== shape[axis]);
  const says = wrong?.field === undefined ? "" : `config.json says ${wrong.field} ${wrong.size}, but `;
  throw new CheckpointError({
    found: `${model}: ${says}${name} is ${describe(found.shape)}`,
    expected: `${describe(shape)}, ${extents.map(({ field, size }) => field ?? size).join(" × ")}`,
    advice: "Get config.json and the weights from the same model.",
  });
}

function missing(name: string, checked: Checked): CheckpointError {
  const { architecture, weights, model } = checked;
  const dtype = weights.storedDtype(name);
  if (dtype !== undefined) {
    return new CheckpointError({
      found: `${model}: ${name} is ${dtype}`,
      expected: "F64, F32, F16 or BF16",
      advice: "Quantised checkpoints cannot be read: use one in float32 or float16.",
    });
  }
  const prefixed = prefixedError(name, checked);
  if (prefixed !== undefined) return prefixed;
  const [layer] = architecture.layerParameter.exec(name) ?? [];
  const isWholeLayer = layer !== undefined && ![...weights.info.keys()].some((other) => other.startsWith(layer));
  const some = [...weights.info.keys()].slice(0, 3).map(describe).join(", ");
  return new CheckpointError({
    found: isWholeLayer
      ? `${model}: config.json says ${architecture.layerField} ${storedLayers(checked)}, but there is no ${name} nor ` +
        "anything else of its layer"
      : `${model} has no ${name} (it has ${weights.info.size} others, such as ${some})`,
    expected: `every parameter of ${classOf(checked)}`,
    advice: `Check that it is of the family ${architecture.family}, and get config.json and the weights from the same model.`,
  });
}
