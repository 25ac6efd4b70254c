import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { brotliDecompressSync } from "node:zlib";
import { f16round } from "@petamoriken/float16";
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../errors.ts";
import { toFloat64 } from "../../tensor/half.ts";
import { seededUniform } from "../../tensor/random.ts";
import type { FloatDType, Tensor } from "../../tensor/tensor.ts";
import { BytesSource } from "../byte-sources.ts";
import { openSafetensors } from "../safetensors.ts";
import { GuardedSource } from "../testing/guarded-source.ts";
import {
  checkpointOf,
  encodeTorchLegacy,
  encodeTorchZip,
  type PickledTensor,
  type TorchCheckpoint,
} from "./testing/torch-writer.ts";
import { openTorch } from "./torch-file.ts";

const fixture = async (name: string): Promise<Uint8Array> => {
  const path = new URL(`../../../test/fixtures/torch/${name}-zeros.bin.br`, import.meta.url);
  return new Uint8Array(brotliDecompressSync(await readFile(path)));
};

const formats = [
  ["zip", encodeTorchZip],
  ["legacy", encodeTorchLegacy],
] as const;

/** Vitest compares texts a thousand times faster than arrays. */
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const bytesOf = ({ data }: Tensor) => textOf(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));

/** The error's message; the file must be closed. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const source = new GuardedSource(bytes);
  const error = await openTorch(source, "m.bin").then(
    () => "no error",
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  expect(source.closed).toBe(1);
  return String(error);
}

describe("files that PyTorch wrote", () => {
  test.each([
    ["electra", "f16", 57],
    ["distilbert", "f32", 54],
  ] as const)("%s: every tensor, and the same bytes as the writer of these tests", async (name, dtype, count) => {
    const bytes = await fixture(name);
    const file = await openTorch(new GuardedSource(bytes), name);
    expect(file.tensors.size).toBe(count);
    const tensors = new Map<string, Tensor>();
    for (const tensor of file.tensors.keys()) tensors.set(tensor, await file.readFloat(tensor));
    for (const tensor of tensors.values()) expect(tensor.dtype).toBe(dtype);
    expect(tensors.get(`${name}.embeddings.LayerNorm.weight`)?.data).toHaveLength(name === "electra" ? 40 : 96);
    const keys = [...file.tensors.values()].map(({ storage }) => storage.key);
    const checkpoint = checkpointOf(tensors, (index) => keys[index] ?? "");
    if (name === "distilbert") {
      expect(textOf(encodeTorchLegacy(checkpoint))).toBe(textOf(bytes));
      return;
    }
    const id = textOf(bytes).match(/serialization_idFB..Z*(\d{40})/)?.[1];
    expect(textOf(encodeTorchZip(checkpoint, "pytorch_model", id))).toBe(textOf(bytes));
  });

  const families = new URL("../../../../shared/golden/families/", import.meta.url);
  const folders = ["roberta", "bert-cased-old-names", "distilbert", "electra"];
  test.skipIf(!existsSync(families)).each(folders)("%s: values equal those of its safetensors", async (folder) => {
    const bytesIn = async (name: string) =>
      new GuardedSource(new Uint8Array(await readFile(new URL(`${folder}/${name}`, families))));
    const torch = await openTorch(await bytesIn("pytorch_model.bin"), folder);
    const expected = await openSafetensors(await bytesIn("model.safetensors"), folder);
    expect([...torch.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort());
    for (const name of torch.tensors.keys()) {
      const [found, other] = [await torch.readFloat(name), await expected.readFloat(name)];
      expect(found.shape).toEqual(other.shape);
      if (found.dtype === other.dtype) expect(bytesOf(found)).toBe(bytesOf(other));
      else expect(toFloat64(found).join()).toBe(toFloat64(other).map(f16round).join());
    }
  });
});

describe.each(formats)("%s", (_, encode) => {
  const tensors = new Map<string, Tensor>([
    ["a", { dtype: "f32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ["half", { dtype: "f16", shape: [3], data: Uint16Array.of(0x3c00, 0x7bff, 0x8001) }],
    ["brain", { dtype: "bf16", shape: [1, 2], data: Uint16Array.of(0x3f80, 0xbf80) }],
    ["double", { dtype: "f64", shape: [], data: Float64Array.of(Math.PI) }],
    ["bert.embeddings.position_ids", { dtype: "i64", shape: [1, 3], data: BigInt64Array.of(0n, 1n, -(2n ** 63n)) }],
    ["ints", { dtype: "i32", shape: [2], data: Int32Array.of(-1, 7) }],
    ["bytes", { dtype: "u8", shape: [3], data: Uint8Array.of(1, 2, 255) }],
    ["none", { dtype: "f32", shape: [0, 4], data: new Float32Array() }],
  ]);
  const everyTensor = async (checkpoint: TorchCheckpoint) => {
    const file = await openTorch(new GuardedSource(encode(checkpoint)), "m.bin");
    const found = new Map<string, Tensor>();
    for (const name of file.tensors.keys()) found.set(name, await file.read(name));
    return found;
  };

  test("every dtype, as a dict and as a module's OrderedDict with _metadata", async () => {
    expect(await everyTensor(checkpointOf(tensors))).toEqual(tensors);
    expect(await everyTensor({ ...checkpointOf(tensors), isOrdered: true })).toEqual(tensors);
  });

  test("integers are no weights; the error names the dtype", async () => {
    const file = await openTorch(new GuardedSource(encode(checkpointOf(tensors))), "m.bin");
    await expect(file.readFloat("ints")).rejects.toThrow('m.bin: tensor "ints" is I32; expected F64, F32, F16, BF16');
    await expect(file.read("b")).rejects.toThrow('m.bin has no tensor "b"');
  });

  test("contiguous tensors are views of what was read; nothing else is read", async () => {
    const data = Float32Array.from({ length: 1000 }, (__, index) => index);
    const source = new GuardedSource(encode(checkpointOf(new Map([["a", { dtype: "f32", shape: [1000], data }]]))));
    const file = await openTorch(source, "m.bin");
    // A legacy file's pickles are read as one piece, whose end is known only then.
    source.bytesRead = 0;
    const { data: found } = await file.readFloat("a");
    expect(found).toEqual(data);
    expect(source.bytesRead).toBe(4000);
    if (encode === encodeTorchZip) expect(found.byteLength).toBeLessThan(found.buffer.byteLength);
  });

  /** A storage of 0 to 23. */
  const counting = (storage: string, width: 1 | 2 | 4 | 8, views: Record<string, Partial<PickledTensor>>) => {
    const bytes = new Uint8Array(24 * width);
    for (let index = 0; index < 24; index++) bytes[index * width] = index;
    const whole = { key: "7", storage, length: 24, offset: 0, shape: [24], strides: [1] };
    const named = Object.entries(views).map(([name, view]) => [name, { ...whole, ...view }] as const);
    return { tensors: new Map(named), storages: new Map([["7", bytes]]) };
  };
  const numbers = ({ dtype, data }: Tensor) =>
    dtype === "f32" ? [...new Uint32Array(data.buffer, data.byteOffset, data.length)] : [...data].map(Number);

  test("transposed, sliced, repeated and shared tensors are gathered", async () => {
    const views = {
      whole: { shape: [2, 12], strides: [12, 1] },
      transposed: { shape: [6, 4], strides: [1, 6] },
      column: { offset: 2, shape: [4], strides: [6] },
      cube: { offset: 1, shape: [2, 3, 2], strides: [2, 8, 1] },
      repeated: { offset: 5, shape: [3, 4], strides: [0, 1] },
      single: { offset: 23, shape: [1, 1], strides: [99, 77] },
      empty: { offset: 24, shape: [0, 5], strides: [5, 1] },
    };
    const expected = {
      whole: Array.from({ length: 24 }, (__, index) => index),
      transposed: Array.from({ length: 24 }, (__, index) => (index % 4) * 6 + Math.floor(index / 4)),
      column: [2, 8, 14, 20],
      cube: [1, 2, 9, 10, 17, 18, 3, 4, 11, 12, 19, 20],
      repeated: [5, 6, 7, 8, 5, 6, 7, 8, 5, 6, 7, 8],
      single: [23],
      empty: [],
    };
    for (const [storage, width] of [
      ["ByteStorage", 1],
      ["FloatStorage", 4],
      ["LongStorage", 8],
      ["IntStorage", 4],
    ] as const) {
      const found = await everyTensor(counting(storage, width, views));
      expect(Object.fromEntries([...found].map(([name, tensor]) => [name, numbers(tensor)]))).toEqual(expected);
    }
    const halves = await everyTensor(counting("HalfStorage", 2, views));
    expect([...(halves.get("cube")?.data ?? [])]).toEqual(expected.cube);
  });

  test("parameters are tensors", async () => {
    const found = await everyTensor(counting("IntStorage", 4, { p: { shape: [3], isParameter: true } }));
    expect(found.get("p")?.data).toEqual(Int32Array.of(0, 1, 2));
  });

  test.each<[string, Partial<PickledTensor>, RegExp]>([
    [
      "a view beyond its storage",
      { shape: [25] },
      /shape \[25\] with strides \[1\] .*inside its storage of 24 elements/,
    ],
    ["an offset beyond it", { offset: 1 }, /begins at element 1; expected a place inside its storage/],
    ["an offset beyond it, without elements", { offset: 25, shape: [0] }, /begins at element 25/],
    ["strides beyond it", { shape: [2, 2], strides: [23, 2] }, /inside its storage/],
    ["strides that overflow", { shape: [3, 3], strides: [2 ** 53 - 1, 2 ** 53 - 1] }, /inside its storage/],
    ["extents that overflow", { shape: [2 ** 40, 2 ** 40], strides: [0, 0] }, /at most the 24 elements/],
    ["a stride of 0, without end", { shape: [1_000_000_000], strides: [0] }, /at most the 24 elements/],
    ["a negative offset", { offset: -1 }, /makes a tensor of a storage, -1, \[24\], \[1\]; expected .* none negative/],
    ["a negative extent", { shape: [-24] }, /none negative/],
    ["a negative stride", { strides: [-1] }, /none negative/],
    ["an offset of 2^63", { offset: 2n ** 63n }, /a number beyond 2\^53/],
    ["an extent of 2^63", { shape: [2n ** 63n] }, /makes a tensor of a storage, 0, a tuple/],
    ["fewer strides than extents", { shape: [4, 6] }, /a stride for each/],
    ["65 dimensions", { shape: new Array(65).fill(1), strides: new Array(65).fill(1) }, /at most 64 dimensions/],
    ["a storage of other length", { length: 25 }, /"7"|25/],
    ["a storage of 2^63 elements", { length: 2n ** 63n }, /expected a storage with class, key and length/],
    ["a storage of 2^53 - 1 elements", { length: 2 ** 53 - 1 }, /expected [\d,]+/],
    ["a storage of -1 elements", { length: -1 }, /expected a storage with class, key and length/],
    ["a quantised storage", { storage: "QInt8Storage" }, /asks for "torch\.QInt8Storage"; .*Quantised checkpoints/],
    ["a storage that is none", { storage: "hub" }, /asks for "torch\.hub"; .*Nothing was run/],
  ])("%s is refused", async (__, change, message) => {
    expect(await refusal(encode(counting("FloatStorage", 4, { t: change })))).toMatch(message);
  });

  test("a storage with two descriptions is refused", async () => {
    const views = { a: {}, b: { storage: "IntStorage" } };
    expect(await refusal(encode(counting("FloatStorage", 4, views)))).toMatch(/two descriptions of the storage "7"/);
  });

  test("a file cut anywhere is refused", async () => {
    const bytes = encode(checkpointOf(tensors));
    for (let length = 0; length < bytes.length; length++) await refusal(bytes.subarray(0, length));
    await refusal(Uint8Array.from([...bytes, 0]));
  }, 60_000);

  test("any damaged byte is refused, or gives tensors inside of the file", async () => {
    const sound = encode(checkpointOf(tensors));
    const random = seededUniform(1);
    for (let at = 0; at < sound.length; at++) {
      const bytes = sound.slice();
      bytes[at] = Math.floor(random() * 256);
      try {
        const file = await openTorch(new GuardedSource(bytes), "m.bin");
        for (const [name, { dtype }] of file.tensors) if (!/^I(8|16)$/.test(dtype)) await file.read(name);
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
      }
    }
  }, 60_000);
});

test("files of other kinds are named", async () => {
  const text = (content: string) => new TextEncoder().encode(content);
  for (const content of ["", "PK", "version https://git-lfs.github.com/spec/v1\n", "<!doctype html>"]) {
    expect(await refusal(text(content))).toMatch(/m\.bin is neither a zip archive nor a pickle; .*Git LFS pointer/);
  }
});

test("tensors of unaligned files are copied", async () => {
  const data = Float32Array.of(1, 2);
  const bytes = encodeTorchLegacy(checkpointOf(new Map([["a", { dtype: "f32", shape: [2], data }]])));
  for (let shift = 0; shift < 4; shift++) {
    const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
    shifted.set(bytes);
    const file = await openTorch(new BytesSource(shifted, "m.bin"), "m.bin");
    const tensor: Tensor<FloatDType> = await file.readFloat("a");
    expect(tensor.data).toEqual(data);
    await file.close();
  }
});
