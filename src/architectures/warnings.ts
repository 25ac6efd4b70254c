/**
 * Warnings about a model's files: ignored entries, and contents that make good answers unlikely. No final full stop.
 */
import { isRecord } from "../arguments.ts";
import { describe, grouped } from "../checkpoint/describe.ts";
import type { JsonObject } from "../checkpoint/json.ts";
import type { ModelConfig } from "./architecture.ts";
import { QA_LABELS } from "./extents.ts";
import { classNamesOf } from "./families.ts";

/** Warnings about ignored entries of `config.json`. */
export function configWarnings(object: JsonObject, config: ModelConfig, fileName: string): string[] {
  const { architectures, num_labels: labels, id2label, quantization_config: quantization } = object;
  const ownClasses = classNamesOf(config).map((name) => `${name}ForQuestionAnswering`);
  const warnings: string[] = [];
  if (
    Array.isArray(architectures) &&
    architectures.length > 0 &&
    !ownClasses.some((name) => architectures.includes(name))
  ) {
    // Joins only strings: an object's toString may be anything.
    const areNames = architectures.every((name) => typeof name === "string");
    const found = describe(areNames ? architectures.join(", ") : architectures);
    warnings.push(`${fileName}: architectures is ${found}, not ${ownClasses[0]}; the question-answering head is used`);
  }
  const named = isRecord(id2label) ? Object.keys(id2label).length : QA_LABELS;
  if ((labels ?? QA_LABELS) !== QA_LABELS || named !== QA_LABELS) {
    const found = named === QA_LABELS ? `num_labels is ${describe(labels)}` : `id2label has ${named} labels`;
    warnings.push(`${fileName}: ${found}, which is ignored: a question-answering head has ${QA_LABELS}, start and end`);
  }
  if (quantization !== undefined && quantization !== null) {
    warnings.push(`${fileName}: quantization_config is ignored: weights are computed with as they are stored`);
  }
  return warnings;
}

/** The model's vocabulary is often rounded up, but not to twice the tokenizer's size. */
export function tokenizerWarnings(tokens: number, { vocabSize }: ModelConfig, model: string): string[] {
  if (tokens >= vocabSize / 2) return [];
  return [
    `${model}: the tokenizer has ${grouped(tokens)} tokens, the model's vocabulary ${grouped(vocabSize)}: ` +
      "it is probably another model's",
  ];
}

/** @param zeros the names of all-zero weights. */
export function zeroWarnings(zeros: readonly string[], model: string): string[] {
  const [first] = zeros;
  if (first === undefined) return [];
  const what =
    zeros.length === 1
      ? `the weight ${describe(first)} is`
      : `${zeros.length} weights, such as ${describe(first)}, are`;
  return [`${model}: ${what} nothing but zeros: answers will probably mean nothing`];
}
