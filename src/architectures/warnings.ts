/**
 * What a model's files say that is no error, but that its user should know: entries that are ignored, and contents with
 * which no good answer can be expected. Sentences for people, without the full stop.
 */
import { isRecord } from "../arguments.ts";
import { describe, grouped } from "../checkpoint/describe.ts";
import type { JsonObject } from "../checkpoint/json.ts";
import type { BertConfig } from "./bert/config.ts";
import { QA_LABELS } from "./bert/parameters.ts";

const OWN_CLASS = "BertForQuestionAnswering";

/** What a `config.json` says beyond what is read of it. */
export function configWarnings(config: JsonObject, fileName: string): string[] {
  const { architectures, num_labels: labels, id2label, quantization_config: quantization } = config;
  const warnings: string[] = [];
  if (Array.isArray(architectures) && architectures.length > 0 && !architectures.includes(OWN_CLASS)) {
    // Only of texts: an object's own toString may be anything.
    const areNames = architectures.every((name) => typeof name === "string");
    const found = describe(areNames ? architectures.join(", ") : architectures);
    warnings.push(`${fileName}: architectures is ${found}, not ${OWN_CLASS}; the question-answering head is used`);
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

/** A tokenizer may be smaller than the model's vocabulary, which is often rounded up; but not by half. */
export function tokenizerWarnings(tokens: number, { vocabSize }: BertConfig, model: string): string[] {
  if (tokens >= vocabSize / 2) return [];
  return [
    `${model}: the tokenizer has ${grouped(tokens)} tokens, the model's vocabulary ${grouped(vocabSize)}: ` +
      "it is probably another model's",
  ];
}

/** @param zeros the names of the weights that are. */
export function zeroWarnings(zeros: readonly string[], model: string): string[] {
  const [first] = zeros;
  if (first === undefined) return [];
  const what =
    zeros.length === 1
      ? `the weight ${describe(first)} is`
      : `${zeros.length} weights, such as ${describe(first)}, are`;
  return [`${model}: ${what} nothing but zeros: answers will probably mean nothing`];
}
