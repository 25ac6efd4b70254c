/**
 * A checkpoint of PyTorch 1.6 and later: a zip archive with one folder, `data.pkl` in it, and each storage as a file of
 * its own, `data/<key>`.
 */
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { describe, grouped } from "../describe.ts";
import type { ByteSource } from "../files.ts";
import { TorchMeaning } from "./meaning.ts";
import { readPickle } from "./pickle.ts";
import { MAX_PICKLE_BYTES, PickleBytes } from "./pickle-bytes.ts";
import { tensorsOf } from "./state-dict.ts";
import type { TorchContents, TorchStorage } from "./values.ts";
import { readZip, type ZipEntry } from "./zip.ts";

/**
 * @param what the file, for errors.
 * @throws CheckpointError if it is damaged or not a plain dict of tensors.
 */
export async function readZipCheckpoint(source: ByteSource, what: string): Promise<TorchContents> {
  const entries = await readZip(source, what);
  const root = rootOf(entries, what);
  if (entries.has(`${root}constants.pkl`)) {
    throw new CheckpointError({
      found: `${what} is a TorchScript archive, a program`,
      expected: "a checkpoint of weights",
      advice: "Save the weights: torch.save(model.state_dict(), 'pytorch_model.bin').",
    });
  }
  await checkByteOrder(source, entries.get(`${root}byteorder`), what);
  const pickle = entries.get(`${root}data.pkl`);
  if (pickle === undefined || pickle.end - pickle.start > MAX_PICKLE_BYTES) {
    throw new CheckpointError({
      found: `${what} has ${pickle === undefined ? "no data.pkl" : `a data.pkl of ${grouped(pickle.end - pickle.start)} bytes`}`,
      expected: `the archive of a checkpoint, with a data.pkl of at most ${grouped(MAX_PICKLE_BYTES)} bytes`,
      advice: "Save only the weights: torch.save(model.state_dict(), …).",
    });
  }
  const meaning = new TorchMeaning(what);
  const bytes = new PickleBytes(await source.read(pickle.start, pickle.end), what);
  const tensors = tensorsOf(readPickle(bytes, meaning), what);
  const starts = new Map<string, number>();
  for (const storage of meaning.storages.values()) {
    starts.set(storage.key, startOf(storage, entries.get(`${root}data/${storage.key}`), what));
  }
  return { tensors, starts };
}

/** The folder that all files are in, with its slash. */
function rootOf(entries: ReadonlyMap<string, ZipEntry>, what: string): string {
  const [first = ""] = entries.keys();
  const root = first.slice(0, first.indexOf("/") + 1);
  const stray = [...entries.keys()].find((name) => root === "" || !name.startsWith(root));
  if (stray === undefined && root !== "") return root;
  throw new CheckpointError({
    found: `${what} has ${stray === undefined ? "no files" : describe(stray)}`,
    expected: root === "" ? "a folder with data.pkl" : `only files in the folder ${describe(root)}`,
    advice: GET_AGAIN,
  });
}

async function checkByteOrder(source: ByteSource, entry: ZipEntry | undefined, what: string): Promise<void> {
  // Absent before PyTorch 2.1.
  if (entry === undefined) return;
  const bytes = await source.read(entry.start, Math.min(entry.end, entry.start + 16));
  const order = new TextDecoder().decode(bytes);
  if (order === "little") return;
  throw new CheckpointError({
    found: `${what} has the byte order ${describe(order)}`,
    expected: "little",
    advice: "Save it on a little-endian machine.",
  });
}

function startOf({ key, length, type }: TorchStorage, entry: ZipEntry | undefined, what: string): number {
  if (entry !== undefined && entry.end - entry.start === length * type.width) return entry.start;
  throw new CheckpointError({
    found: `${what} has ${entry === undefined ? "no file" : `${grouped(entry.end - entry.start)} bytes`} for the storage ${describe(key)}`,
    expected: `${grouped(length * type.width)} bytes for ${grouped(length)} elements of ${type.dtype}`,
    advice: GET_AGAIN,
  });
}
