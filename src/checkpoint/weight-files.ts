/**
 * Opens the files that a model's weights are in: one file or an index of several, as safetensors or else as PyTorch's.
 *
 * Must stay true: safetensors come first, so that a model with both is read from the format made for it; a model with
 * neither gives the error of `other-formats.ts`; a file that exists is never passed over because it is damaged.
 */
import { CheckpointError } from "../errors.ts";
import type { ByteSource, ModelFiles, OpenOptions } from "./files.ts";
import { openSafetensors } from "./safetensors.ts";
import { parseShardIndex } from "./shard-index.ts";
import type { TensorFile } from "./tensor-file.ts";
import { readText } from "./text-file.ts";

interface WeightFormat {
  readonly single: string;
  readonly index: string;
  readonly extension: ".safetensors" | ".bin";
  /** Takes ownership of the source. */
  readonly open: (source: ByteSource, name: string) => Promise<TensorFile>;
}

/** In order of preference. */
const FORMATS: readonly WeightFormat[] = [
  {
    single: "model.safetensors",
    index: "model.safetensors.index.json",
    extension: ".safetensors",
    open: openSafetensors,
  },
  {
    single: "pytorch_model.bin",
    index: "pytorch_model.bin.index.json",
    extension: ".bin",
    open: openTorch,
  },
];

/** PyTorch's reader, which is imported for a model that needs it. Takes ownership of the source. */
async function openTorch(source: ByteSource, name: string): Promise<TensorFile> {
  const reader = await import("./torch/torch-file.ts").catch(async (error: unknown) => {
    await source.close();
    throw error;
  });
  return reader.openTorch(source, name);
}

/** What is done with each open file, before the next one is opened. */
export interface WeightReceiver {
  /** Called as soon as a file is open, to close it some day. */
  opened(file: TensorFile): void;
  /** @param names those that the index says are in the file; all, without an index. */
  add(file: TensorFile, names: Iterable<string>, index?: string): void;
}

/**
 * Opens a model's weights.
 * @throws CheckpointError if there are none or a file is missing or damaged; DownloadError if a download fails.
 */
export async function openWeightFiles(
  files: ModelFiles,
  receiver: WeightReceiver,
  options?: OpenOptions,
): Promise<void> {
  for (const format of FORMATS) {
    const single = await openFile(files, format.single, format, receiver, options);
    if (single !== undefined) return receiver.add(single, single.tensors.keys());
    const index = await readText(files, format.index, options);
    if (index !== undefined) return await openShards(files, index, format, receiver, options);
  }
  const accepted = FORMATS.flatMap(({ single, index }) => [single, index]);
  const { noWeightsError } = await import("./other-formats.ts");
  throw await noWeightsError(files, accepted, options);
}

async function openShards(
  files: ModelFiles,
  json: string,
  format: WeightFormat,
  receiver: WeightReceiver,
  options?: OpenOptions,
): Promise<void> {
  const shards = parseShardIndex(json, `${files.name}/${format.index}`, format.extension);
  for (const [shard, names] of shards) {
    const file = await openFile(files, shard, format, receiver, options);
    if (file === undefined) {
      throw new CheckpointError({
        found: `${files.name} has no ${shard}`,
        expected: `every file that ${format.index} names`,
        advice: "Add the missing file from where the model came from.",
      });
    }
    receiver.add(file, names, format.index);
  }
}

async function openFile(
  files: ModelFiles,
  path: string,
  format: WeightFormat,
  receiver: WeightReceiver,
  options?: OpenOptions,
): Promise<TensorFile | undefined> {
  const source = await files.open(path, options);
  if (source === undefined) return undefined;
  const file = await format.open(source, `${files.name}/${path}`);
  receiver.opened(file);
  return file;
}
