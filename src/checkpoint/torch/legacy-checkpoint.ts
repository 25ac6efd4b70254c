/**
 * A checkpoint from before PyTorch 1.6: five pickles (a magic number, the protocol, facts about the machine, the object,
 * the storages' keys in order), then each storage as its number of elements, 8 bytes, and its elements.
 *
 * Must stay true: the storages are the object's, each once, and fill the file to its end.
 */
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { describe, grouped } from "../describe.ts";
import type { ByteSource } from "../files.ts";
import { TorchMeaning } from "./meaning.ts";
import { readPickle } from "./pickle.ts";
import { MAX_PICKLE_BYTES, PickleBytes } from "./pickle-bytes.ts";
import { tensorsOf } from "./state-dict.ts";
import {
  describeValue,
  PickleDict,
  PickleList,
  type PickleValue,
  type TorchContents,
  type TorchStorage,
} from "./values.ts";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const COUNT_BYTES = 8;

/**
 * @param what the file, for errors.
 * @throws CheckpointError if it is damaged or not a plain dict of tensors.
 */
export async function readLegacyCheckpoint(source: ByteSource, what: string): Promise<TorchContents> {
  const length = Math.min(source.size, MAX_PICKLE_BYTES);
  const bytes = new PickleBytes(await source.read(0, length), what, length < source.size);
  const meaning = new TorchMeaning(what);
  const next = (): PickleValue => readPickle(bytes, meaning);
  const magic = next();
  if (magic !== MAGIC) {
    throw new CheckpointError({
      found: `${what} is a pickle of ${describeValue(magic)}`,
      expected: "a checkpoint that torch.save wrote",
      advice: "Save the weights: torch.save(model.state_dict(), 'pytorch_model.bin').",
    });
  }
  const protocol = next();
  if (protocol !== PROTOCOL) throw damaged(what, `has the protocol ${describeValue(protocol)}`, String(PROTOCOL));
  const machine = next();
  if (!(machine instanceof PickleDict) || machine.get("little_endian") !== true) {
    throw damaged(what, "was not written on a little-endian machine", "little-endian numbers");
  }
  const tensors = tensorsOf(next(), what);
  const storages = orderedStorages(next(), meaning, what);
  return { tensors, starts: await placeStorages(source, bytes.position, storages, what) };
}

function orderedStorages(keys: PickleValue, { storages }: TorchMeaning, what: string): TorchStorage[] {
  const ordered = new Set<TorchStorage>();
  for (const key of keys instanceof PickleList ? keys.items : []) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (storage === undefined || ordered.has(storage)) {
      throw damaged(what, `lists the storage ${describeValue(key)}`, "each storage of a tensor, once");
    }
    ordered.add(storage);
  }
  if (ordered.size === storages.size) return [...ordered];
  throw damaged(what, `lists ${grouped(ordered.size)} storages`, `the ${grouped(storages.size)} that its tensors name`);
}

async function placeStorages(
  source: ByteSource,
  dataStart: number,
  storages: readonly TorchStorage[],
  what: string,
): Promise<Map<string, number>> {
  const starts = new Map<string, number>();
  let end = dataStart;
  for (const { key, length, type } of storages) {
    const start = end + COUNT_BYTES;
    end = start + length * type.width;
    if (!(end <= source.size)) {
      throw damaged(
        what,
        `has ${grouped(source.size)} bytes`,
        `${grouped(end)} at least, for storage ${describe(key)}`,
      );
    }
    const bytes = await source.read(start - COUNT_BYTES, start);
    const count = new DataView(bytes.buffer, bytes.byteOffset, COUNT_BYTES).getBigUint64(0, true);
    if (count !== BigInt(length)) {
      const found = `has ${count.toLocaleString("en-US")} elements in the storage ${describe(key)}`;
      throw damaged(what, found, `${grouped(length)}, as its pickle says`);
    }
    starts.set(key, start);
  }
  if (end === source.size) return starts;
  throw damaged(what, `has ${grouped(source.size - end)} bytes after its last storage`, "none");
}

function damaged(what: string, how: string, expected: string): CheckpointError {
  return new CheckpointError({ found: `${what} ${how}`, expected, advice: GET_AGAIN });
}
