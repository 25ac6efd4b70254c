/**
 * Lengths of real sequences: the windows of a sample of SQuAD's development set.
 */
import { readFile } from "node:fs/promises";
import { openCheckpoint } from "../../src/architectures/checkpoint.ts";
import { FolderFiles } from "../../src/checkpoint/node/folder-files.ts";
import { makeWindows } from "../../src/text/windows.ts";
import { repositoryFile } from "../repository-file.ts";
import type { Setup } from "./setup.ts";

interface Sample {
  readonly questions: readonly { readonly question: string; readonly context: string }[];
}

/** Lengths in tokens, in the sample's order. */
export async function squadLengths({ sample }: Setup): Promise<number[]> {
  const { questions } = JSON.parse(
    await readFile(repositoryFile("test/fixtures/squad/sample-200.json"), "utf8"),
  ) as Sample;
  const checkpoint = await openCheckpoint(new FolderFiles(repositoryFile("models/builtin")));
  const tokenizer = await checkpoint.tokenizer();
  await checkpoint.close();
  const options = { maxSequenceLength: 384, docStride: 128 };
  const lengths = questions.flatMap(({ question, context }) => {
    const windows = makeWindows(tokenizer.encode(question), tokenizer.encode(context), tokenizer.pair, options);
    return Array.from(windows, ({ inputIds }) => inputIds.length);
  });
  const scale = sample.maxTokens / options.maxSequenceLength;
  return lengths.slice(0, sample.maxSequences).map((length) => Math.ceil(length * scale));
}

/** Splits lengths into batches, of which the last may be smaller. */
export function batchesOf({ sample }: Setup, lengths: readonly number[]): number[][] {
  const count = Math.ceil(lengths.length / sample.batch);
  return Array.from({ length: count }, (_, index) => lengths.slice(index * sample.batch, (index + 1) * sample.batch));
}
