/**
 * `fusebert/tokenizer`: a model's tokenizer by itself (docs/tokenizers.md). Neither weights nor an engine are loaded.
 *
 * @example
 * ```ts
 * import { loadTokenizer } from "fusebert/tokenizer";
 *
 * const tokenizer = await loadTokenizer("FacebookAI/xlm-roberta-base");
 * const { ids, starts, ends } = tokenizer.encode("Mary Shelley");
 * ```
 */
import { openConfig, openTokenizer } from "./architectures/checkpoint.ts";
import { checkOptions, describeArgument } from "./arguments.ts";
import type { DownloadProgress, ModelFiles } from "./checkpoint/files.ts";
import { InputError } from "./errors.ts";
import { modelFiles } from "./platform/model-files.ts";

export type { ByteSource, DownloadProgress, ModelFiles, OpenOptions } from "./checkpoint/files.ts";

export interface LoadTokenizerOptions {
  /** For a model on the Hugging Face hub: a branch, tag or commit. Default `main`. */
  readonly revision?: string;
  readonly signal?: AbortSignal;
  /** Called while files are downloaded. */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/** The tokens of a text, without special tokens around them: four arrays with an element for each token. */
export interface TokenizedText {
  readonly ids: Int32Array;
  /** Where each token begins in the text, in UTF-16 code units; never inside a surrogate pair. */
  readonly starts: Int32Array;
  /** Where it ends, exclusive. Tokens of one character, such as its bytes, have the same place. */
  readonly ends: Int32Array;
  /** The number of each token's word, as the pre-tokenizer splits words: from 0, non-decreasing. */
  readonly words: Int32Array;
}

export interface TextTokenizer {
  /** The model's id, folder or URL. */
  readonly name: string;
  /** One more than the highest id. */
  readonly vocabularySize: number;
  /** What users should know about the files, as sentences without the full stop. */
  readonly warnings: readonly string[];
  /**
   * Any text can be tokenised, in time linear in its length; half a surrogate pair counts as U+FFFD.
   * @throws InputError if `text` is no string.
   */
  encode(text: string): TokenizedText;
  /** The token as the vocabulary writes it, for display; an unknown id gives `(no token 99)`. */
  token(id: number): string;
}

/**
 * Loads the tokenizer of a model from its config.json and its tokenizer's files.
 * @param model a folder (Node), a URL of a folder, a Hugging Face id, or files; default: the built-in model.
 * @throws InputError for an argument of the wrong kind; CheckpointError if files are missing, malformed, of a kind that is
 * not known, or do not belong together; DownloadError; the signal's reason if it aborts.
 */
export async function loadTokenizer(
  model?: string | ModelFiles,
  options: LoadTokenizerOptions = {},
): Promise<TextTokenizer> {
  checkOptions(options, ["revision", "signal", "onProgress"]);
  const { revision, signal, onProgress } = options;
  signal?.throwIfAborted();
  const files = await modelFiles(model, revision);
  const opening = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
  const tokenizer = await openTokenizer(files, await openConfig(files, opening), opening);
  return {
    name: files.name,
    vocabularySize: tokenizer.vocabularySize,
    warnings: tokenizer.warnings,
    encode(text) {
      if (typeof text !== "string") {
        throw new InputError({ found: `the text is ${describeArgument(text)}`, expected: "a string" });
      }
      const { ids, starts, ends, words } = tokenizer.encode(text);
      return { ids, starts, ends, words };
    },
    token: (id) => tokenizer.token(id),
  };
}
