/**
 * A question-answering checkpoint: configuration, weights and tokenizer, checked against each other.
 *
 * Must stay true: every opened file is closed, even if opening fails; the tokenizer is read on demand, because a layer
 * can be verified without one.
 */

import { openWeights } from "../checkpoint/checkpoint-weights.ts";
import type { ModelFiles, OpenOptions } from "../checkpoint/files.ts";
import { parseJsonObject } from "../checkpoint/json.ts";
import { readText } from "../checkpoint/text-file.ts";
import type { Weights } from "../checkpoint/weights.ts";
import { CheckpointError } from "../errors.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { checkParameters } from "./check-parameters.ts";
import { type FusebertSettings, readFusebertSettings, unknownSettings } from "./fusebert-settings.ts";
import { architectureOf, canonicalNames, type ModelConfig, mayBeZero, modelTypeOf, readModelConfig } from "./index.ts";
import { readTokenizer } from "./tokenizer-files.ts";
import { configWarnings, tokenizerWarnings, zeroWarnings } from "./warnings.ts";

export interface Checkpoint {
  /** For display: an id, a folder, a URL. */
  readonly name: string;
  readonly config: ModelConfig;
  readonly settings: FusebertSettings;
  /** Has every parameter of the configuration, in the right shape. */
  readonly weights: Weights;
  /**
   * Ignored or suspicious contents of the files, as sentences without the full stop. Grows as the tokenizer and weights
   * are read, because weights may turn out to be all zero.
   */
  readonly warnings: readonly string[];
  /**
   * Reads the tokenizer's files (docs/tokenizers.md) on first use, even after `close()`.
   * @throws CheckpointError if there is none, or it has more tokens than the model's vocabulary.
   */
  tokenizer(): Promise<Tokenizer>;
  /** Closes the weights' files; idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a model's files and checks them against each other, without reading weights.
 * @throws CheckpointError if something is missing, damaged, contradictory or unsupported; DownloadError if a download
 * fails; the signal's reason if `options.signal` aborts.
 */
export async function openCheckpoint(files: ModelFiles, options?: OpenOptions): Promise<Checkpoint> {
  const opened = await openConfig(files, options);
  const { config, settings, warnings: configWarnings } = opened;
  const warnings = [...configWarnings];
  const architecture = architectureOf(config);
  const weights = await openWeights(files, { canonicalName: canonicalNames(architecture), mayBeZero }, options);
  try {
    checkParameters(architecture, config, weights, files.name);
  } catch (error) {
    await weights.close();
    throw error;
  }
  let tokenizer: Promise<Tokenizer> | undefined;
  return {
    name: files.name,
    config,
    settings,
    weights,
    get warnings() {
      return [...warnings, ...zeroWarnings(weights.zeros, files.name)];
    },
    tokenizer() {
      tokenizer ??= openTokenizer(files, opened, options).then(
        (read) => {
          warnings.push(...read.warnings, ...tokenizerWarnings(read.vocabularySize, config, files.name));
          return read;
        },
        (error: unknown) => {
          tokenizer = undefined; // A failed download may succeed the next time.
          throw error;
        },
      );
      return tokenizer;
    },
    close: () => weights.close(),
  };
}

export interface OpenedConfig {
  readonly config: ModelConfig;
  readonly settings: FusebertSettings;
  /** As config.json names it: a family may have several, with different tokenizers. */
  readonly modelType: string;
  readonly warnings: readonly string[];
}

/**
 * Reads only config.json.
 * @throws CheckpointError if it is missing, of no known family, or has an invalid field.
 */
export async function openConfig(files: ModelFiles, options?: OpenOptions): Promise<OpenedConfig> {
  const json = await readText(files, "config.json", options);
  if (json !== undefined) {
    const name = `${files.name}/config.json`;
    const object = parseJsonObject(json, name);
    const config = await readModelConfig(object, name);
    return {
      config,
      settings: readFusebertSettings(object, name),
      modelType: modelTypeOf(object, config),
      warnings: [...configWarnings(object, config, name), ...unknownSettings(object, name)],
    };
  }
  throw new CheckpointError({
    found: `${files.name} has no config.json`,
    expected: "a model with config.json, model.safetensors and tokenizer.json",
    advice: "Check that it is the folder, URL or id of a model, and that the file is there.",
  });
}

/**
 * Reads the tokenizer.
 * @throws CheckpointError if there is none, or it has more tokens than the model's vocabulary.
 */
export async function openTokenizer(
  files: ModelFiles,
  { config, modelType }: OpenedConfig,
  options?: OpenOptions,
): Promise<Tokenizer> {
  const tokenizer = await readTokenizer(files, modelType, options);
  if (tokenizer.vocabularySize <= config.vocabSize) return tokenizer;
  throw new CheckpointError({
    found: `${files.name}: the tokenizer has ${tokenizer.vocabularySize} tokens`,
    expected: `at most config.json's vocab_size, ${config.vocabSize}`,
    advice: "Get the tokenizer and the weights from the same model.",
  });
}
