/**
 * A BERT question-answering checkpoint: configuration, weights and tokenizer from a model's files, checked against each
 * other, so that a caller can compute with it without asking again.
 *
 * Must stay true: what was opened is closed, whether opening succeeds or not; the tokenizer is read only when it is
 * wanted, since a layer can be verified without one.
 */

import { openWeights } from "../checkpoint/checkpoint-weights.ts";
import type { ModelFiles, OpenOptions } from "../checkpoint/files.ts";
import { parseJsonObject } from "../checkpoint/json.ts";
import { readText } from "../checkpoint/text-file.ts";
import type { Weights } from "../checkpoint/weights.ts";
import { CheckpointError } from "../errors.ts";
import { BertTokenizer } from "../text/tokenizer.ts";
import { type BertConfig, readConfig } from "./bert/config.ts";
import { canonicalName, mayBeZero } from "./bert/parameters.ts";
import { checkParameters } from "./check-parameters.ts";
import { configWarnings, tokenizerWarnings, zeroWarnings } from "./warnings.ts";

export interface Checkpoint {
  /** What a person calls this model: an id, a folder, a URL. */
  readonly name: string;
  readonly config: BertConfig;
  /** Every parameter of the configuration's model is there, with its shape. */
  readonly weights: Weights;
  /**
   * What the files say that is ignored or suspicious, as sentences for people without the full stop. Grows as the
   * tokenizer and weights are read: weights may turn out to be nothing but zeros.
   */
  readonly warnings: readonly string[];
  /**
   * Read on first use, from `tokenizer.json` or else `vocab.txt`, each with `tokenizer_config.json`; also after `close()`.
   * @throws CheckpointError if there is none, or if it has more tokens than the model's vocabulary.
   */
  tokenizer(): Promise<BertTokenizer>;
  /** Closes the weights' files. Calling it again does nothing. */
  close(): Promise<void>;
}

/**
 * Opens a model's files and checks them against each other. No weight is read yet.
 * @throws CheckpointError if something is missing, damaged, contradictory or not supported; DownloadError if a file
 * cannot be fetched; the signal's reason when `options.signal` aborts.
 */
export async function openCheckpoint(files: ModelFiles, options?: OpenOptions): Promise<Checkpoint> {
  const { config, warnings: configSays } = await openConfig(files, options);
  const warnings = [...configSays];
  const weights = await openWeights(files, { canonicalName, mayBeZero }, options);
  try {
    checkParameters(config, weights, files.name);
  } catch (error) {
    await weights.close();
    throw error;
  }
  let tokenizer: Promise<BertTokenizer> | undefined;
  return {
    name: files.name,
    config,
    weights,
    get warnings() {
      return [...warnings, ...zeroWarnings(weights.zeros, files.name)];
    },
    tokenizer() {
      tokenizer ??= openTokenizer(files, config, options).then(
        (opened) => {
          warnings.push(...opened.warnings, ...tokenizerWarnings(opened.vocabularySize, config, files.name));
          return opened;
        },
        (error: unknown) => {
          tokenizer = undefined; // A download that failed may succeed the next time.
          throw error;
        },
      );
      return tokenizer;
    },
    close: () => weights.close(),
  };
}

/**
 * A model's config.json alone: weights may be missing, or gigabytes.
 * @throws CheckpointError if there is none, or it is of another kind of model.
 */
export async function openConfig(
  files: ModelFiles,
  options?: OpenOptions,
): Promise<{ readonly config: BertConfig; readonly warnings: readonly string[] }> {
  const json = await readText(files, "config.json", options);
  if (json !== undefined) {
    const name = `${files.name}/config.json`;
    const object = parseJsonObject(json, name);
    return { config: readConfig(object, name), warnings: configWarnings(object, name) };
  }
  throw new CheckpointError({
    found: `${files.name} has no config.json`,
    expected: "a model with config.json, model.safetensors and tokenizer.json",
    advice: "Check that it is the folder, URL or id of a model, and that the file is there.",
  });
}

async function openTokenizer(files: ModelFiles, config: BertConfig, options?: OpenOptions): Promise<BertTokenizer> {
  const tokenizer = await readTokenizer(files, options);
  if (tokenizer.vocabularySize <= config.vocabSize) return tokenizer;
  throw new CheckpointError({
    found: `${files.name}: the tokenizer has ${tokenizer.vocabularySize} tokens`,
    expected: `at most config.json's vocab_size, ${config.vocabSize}`,
    advice: "Get the tokenizer and the weights from the same model.",
  });
}

async function readTokenizer(files: ModelFiles, options?: OpenOptions): Promise<BertTokenizer> {
  const readTokenizerConfig = () => readText(files, "tokenizer_config.json", options);
  const json = await readText(files, "tokenizer.json", options);
  if (json !== undefined) {
    return BertTokenizer.fromTokenizerJson(json, `${files.name}/tokenizer.json`, await readTokenizerConfig());
  }
  const vocabulary = await readText(files, "vocab.txt", options);
  if (vocabulary !== undefined) {
    return BertTokenizer.fromVocabulary(vocabulary, `${files.name}/vocab.txt`, await readTokenizerConfig());
  }
  throw new CheckpointError({
    found: `${files.name} has no tokenizer`,
    expected: "tokenizer.json or vocab.txt",
    advice: "Copy the tokenizer's files beside config.json: fusebert needs them to answer questions.",
  });
}
