/**
 * Finds and reads the files of a model's tokenizer. `tokenizer.json` comes first; without it the family decides which
 * files there may be.
 *
 * Must stay true: code that BERT's tokenizers do not need is imported when it is used; what is read depends on the names of
 * the files and on the model type, never on a guess at contents.
 */
import type { ModelFiles, OpenOptions } from "../checkpoint/files.ts";
import { readText, readWhole } from "../checkpoint/text-file.ts";
import { CheckpointError } from "../errors.ts";
import { bertComponents } from "../text/files/bert-components.ts";
import { parseTokenizerJson, readTokenizerFile, usesOnly } from "../text/files/tokenizer-json.ts";
import { Tokenizer } from "../text/tokenizer.ts";

/** SentencePiece's model file, by model type. */
const SENTENCE_PIECE: ReadonlyMap<string, string> = new Map([
  ["xlm-roberta", "sentencepiece.bpe.model"],
  ["camembert", "sentencepiece.bpe.model"],
  ["albert", "spiece.model"],
  ["deberta-v2", "spm.model"],
]);

/**
 * @param modelType of config.json.
 * @throws CheckpointError if there is no tokenizer, or its files are malformed or contradict each other.
 */
export async function readTokenizer(files: ModelFiles, modelType: string, options?: OpenOptions): Promise<Tokenizer> {
  const read = (path: string) => readText(files, path, options);
  const nameOf = (path: string) => `${files.name}/${path}`;
  const json = await read("tokenizer.json");
  if (json !== undefined) {
    const config = await read("tokenizer_config.json");
    const beside = { name: nameOf("tokenizer.json"), configJson: config, modelType };
    const file = parseTokenizerJson(json, beside.name);
    const components = usesOnly(bertComponents, file)
      ? bertComponents
      : (await import("../text/files/all-components.ts")).allComponents;
    return new Tokenizer(readTokenizerFile(file, components, beside));
  }
  if (modelType === "roberta") {
    const vocabulary = await read("vocab.json");
    const merges = vocabulary === undefined ? undefined : await read("merges.txt");
    if (vocabulary !== undefined && merges !== undefined) {
      const contents = { vocabulary, merges, tokenizerConfig: await read("tokenizer_config.json") };
      const { readMergesFiles } = await import("../text/files/merges-files.ts");
      return new Tokenizer(readMergesFiles(contents, nameOf("vocab.json"), modelType));
    }
    throw missing(files, "tokenizer.json, or vocab.json and merges.txt");
  }
  const modelFile = SENTENCE_PIECE.get(modelType);
  if (modelFile !== undefined) {
    const model = await readWhole(files, modelFile, options);
    if (model === undefined) throw missing(files, `tokenizer.json or ${modelFile}`);
    const contents = {
      model,
      tokenizerConfig: await read("tokenizer_config.json"),
      specialTokensMap: await read("special_tokens_map.json"),
      addedTokens: await read("added_tokens.json"),
    };
    const { readSentencePiece } = await import("../text/sentencepiece/sentencepiece-files.ts");
    return new Tokenizer(readSentencePiece(contents, nameOf(modelFile), modelType));
  }
  const vocabulary = await read("vocab.txt");
  if (vocabulary === undefined) throw missing(files, "tokenizer.json or vocab.txt");
  const config = await read("tokenizer_config.json");
  const { readVocabulary } = await import("../text/files/vocabulary-files.ts");
  return new Tokenizer(readVocabulary(vocabulary, nameOf("vocab.txt"), config, modelType));
}

function missing({ name }: ModelFiles, expected: string): CheckpointError {
  return new CheckpointError({
    found: `${name} has no tokenizer`,
    expected,
    advice: "Copy the tokenizer's files beside config.json: fusebert needs them to answer questions.",
  });
}
