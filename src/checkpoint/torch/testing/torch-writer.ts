/** For tests: writes checkpoints as `torch.save` does, in the format of today and in that of before PyTorch 1.6. */
import type { DType, Tensor } from "../../../tensor/tensor.ts";
import { PickleWriter } from "./pickle-writer.ts";
import { concatenated, encodeZip } from "./zip-writer.ts";

/** A tensor in a checkpoint. Numbers may be wrong, to test what is made of them. */
export interface PickledTensor {
  readonly key: string;
  /** A class in the module `torch`. */
  readonly storage: string;
  /** Elements of the storage. */
  readonly length: number | bigint;
  readonly offset: number | bigint;
  readonly shape: readonly (number | bigint)[];
  readonly strides: readonly (number | bigint)[];
  readonly isParameter?: boolean;
}

export interface TorchCheckpoint {
  /** By name. */
  readonly tensors: ReadonlyMap<string, PickledTensor>;
  /** By key. */
  readonly storages: ReadonlyMap<string, Uint8Array>;
  /** Whether the dict is an OrderedDict with `_metadata`, as a module's `state_dict()`. */
  readonly isOrdered?: boolean;
}

const CLASSES: Readonly<Record<DType, string>> = {
  f64: "DoubleStorage",
  f32: "FloatStorage",
  f16: "HalfStorage",
  bf16: "BFloat16Storage",
  i64: "LongStorage",
  i32: "IntStorage",
  u8: "ByteStorage",
};

/** Each tensor in a storage of its own, row-major. */
export function checkpointOf(
  tensors: ReadonlyMap<string, Tensor>,
  keyOf = (index: number): string => String(index),
): TorchCheckpoint {
  const pickled = new Map<string, PickledTensor>();
  const storages = new Map<string, Uint8Array>();
  for (const [name, { dtype, shape, data }] of tensors) {
    const key = keyOf(pickled.size);
    pickled.set(name, {
      key,
      storage: CLASSES[dtype],
      length: data.length,
      offset: 0,
      shape,
      strides: shape.map((_, at) => shape.slice(at + 1).reduce((product, extent) => product * extent, 1)),
    });
    storages.set(key, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return { tensors: pickled, storages };
}

/** @param isLegacy whether a storage has None after it, in the place of a view. */
export function pickleOf({ tensors, isOrdered = false }: TorchCheckpoint, isLegacy: boolean): Uint8Array {
  const writer = new PickleWriter();
  const entries = [...tensors].map(([name, tensor]) => () => {
    writer.text(name);
    writeTensor(writer, tensor, isLegacy);
  });
  if (!isOrdered) return writer.dict(entries).finish();
  const version = () => writer.text("version").integer(1);
  const module = () => writer.text("").dict([version]);
  writer.orderedDict(entries);
  writer.dict([() => writer.text("_metadata").orderedDict([module])]);
  return writer.build().finish();
}

export function writeTensor(writer: PickleWriter, tensor: PickledTensor, isLegacy: boolean): void {
  const tail = [() => writer.boolean(false), () => writer.orderedDict()];
  const plain = (): void => {
    writer.global("torch._utils", "_rebuild_tensor_v2");
    const fields = [
      () => writeStorage(writer, tensor, isLegacy),
      () => writer.integer(tensor.offset),
      () => writer.integers(tensor.shape),
      () => writer.integers(tensor.strides),
    ];
    writer.tuple(...fields, ...tail).reduce();
  };
  if (!tensor.isParameter) {
    plain();
    return;
  }
  writer.global("torch._utils", "_rebuild_parameter");
  writer.tuple(plain, ...tail).reduce();
}

export function writeStorage(writer: PickleWriter, { key, storage, length }: PickledTensor, isLegacy: boolean): void {
  const fields = [
    () => writer.text("storage"),
    () => writer.global("torch", storage),
    () => writer.text(key),
    () => writer.text("cpu"),
    () => writer.integer(length),
    ...(isLegacy ? [() => writer.none()] : []),
  ];
  writer.tuple(...fields).persistent();
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The archive's files, of PyTorch 2.x. */
export function zipFilesOf(
  checkpoint: TorchCheckpoint,
  root = "pytorch_model",
  id = "0".repeat(40),
): [string, Uint8Array][] {
  const files: [string, Uint8Array][] = [
    ["data.pkl", pickleOf(checkpoint, false)],
    [".format_version", ascii("1")],
    [".storage_alignment", ascii("64")],
    ["byteorder", ascii("little")],
    ...[...checkpoint.storages].map(([key, bytes]): [string, Uint8Array] => [`data/${key}`, bytes]),
    ["version", ascii("3\n")],
    [".data/serialization_id", ascii(id)],
  ];
  return files.map(([path, bytes]) => [`${root}/${path}`, bytes]);
}

export function encodeTorchZip(checkpoint: TorchCheckpoint, root?: string, id?: string): Uint8Array {
  return encodeZip(zipFilesOf(checkpoint, root, id));
}

/** The four pickles around the object's; storages in the order of their keys, as PyTorch sorts them. */
export function encodeTorchLegacy(checkpoint: TorchCheckpoint, object = pickleOf(checkpoint, true)): Uint8Array {
  const magic = new PickleWriter().integer(0x1950a86a20f9469cfc6cn).finish();
  const protocol = new PickleWriter().integer(1001).finish();
  const system = new PickleWriter();
  const size = (name: string, bytes: number) => () => system.text(name).integer(bytes);
  system.dict([
    () => system.text("protocol_version").integer(1001),
    () => system.text("little_endian").boolean(true),
    () => system.text("type_sizes").dict([size("short", 2), size("int", 4), size("long", 4)]),
  ]);
  const sorted = [...checkpoint.storages].sort(([a], [b]) => (a < b ? -1 : 1));
  const keys = new PickleWriter();
  keys.list(
    sorted.map(
      ([key]) =>
        () =>
          keys.text(key),
    ),
  );
  const lengths = new Map([...checkpoint.tensors.values()].map(({ key, length }) => [key, length]));
  const data = sorted.flatMap(([key, bytes]) => {
    const count = new DataView(new ArrayBuffer(8));
    count.setBigUint64(0, BigInt(lengths.get(key) ?? 0), true);
    return [new Uint8Array(count.buffer), bytes];
  });
  return concatenated([magic, protocol, system.finish(), object, keys.finish(), ...data]);
}
