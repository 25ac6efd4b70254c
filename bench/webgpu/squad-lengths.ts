/**
 * How long real sequences are: the windows of a sample of SQuAD's development set, as they are asked of a model.
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

/** In tokens, in the sample's order. */
export async function squadLengths({ sample }: Setup): Promise<number[]> {
  const { questions } = JSON.parse(
    await readFile(repositoryFile("test/fixtures/squad/sample-200.json"), "utf8"),
  ) as Sample;
  const checkpoint = await openCheckpoint(new FolderFiles(repositoryFile("models/builtin")));
  const tokenizer = await checkpoint.tokenizer();
  await checkpoint.close();
  const options = { maxSequenceLength: 384, docStride: 128 };
  const lengths = questions.flatMap(({ question, context }) => {
    const windows = makeWindows(tokenizer.encode(question), tokenizer.encode(context), tokenizer.special, options);
    return Array.from(windows, ({ inputIds }) => inputIds.length);
  });
  const scale = sample.longest / options.maxSequenceLength;
  return lengths.slice(0, sample.most).map((length) => Math.ceil(length * scale));
}

/** One batch after another; the last may be smaller. */
export function batchesOf({ sample }: Setup, lengths: readonly number[]): number[][] {
  const count = Math.ceil(lengths.length / sample.batch);
  return Array.from({ length: count }, (_, index) => lengths.slice(index * sample.batch, (index + 1) * sample.batch));
}
