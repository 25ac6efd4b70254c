import { describe, expect, test } from "vitest";
import { CheckpointError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { encodeSafetensors, openSafetensors } from "./safetensors.ts";
import { GuardedSource } from "./testing/guarded-source.ts";
import { splice } from "./testing/mutate.ts";
import { utf8 } from "./testing/tiny-model.ts";

/** A file with a header and `dataBytes` zero bytes of data; `length` overrides the header's length. */
function fileOf(header: string | object | Uint8Array, dataBytes = 0, length?: bigint): Uint8Array {
  const text =
    header instanceof Uint8Array ? header : utf8(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

async function refusal(bytes: Uint8Array): Promise<string> {
  const source = new GuardedSource(bytes);
  const error = await openSafetensors(source, "m.safetensors").then(
    () => "no error",
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  expect(source.closed).toBe(1);
  expect(source.bytesRead).toBeLessThanOrEqual(bytes.length);
  return String(error);
}

const entry = (changes: object) => ({ t: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...changes } });
const two = (a: [number, number], b: [number, number]) => ({
  a: { dtype: "U8", shape: [a[1] - a[0]], data_offsets: a },
  b: { dtype: "U8", shape: [b[1] - b[0]], data_offsets: b },
});

describe("a damaged or hostile header is rejected", () => {
  test.each<[string, Uint8Array, string]>([
    ["length 0", fileOf("{}", 8, 0n), "says that its header has 0; expected a header of 2 to"],
    ["length beyond the file", fileOf("{}", 0, 3n), "has 10 bytes and says that its header has 3"],
    ["length 2^60", fileOf("{}", 0, 2n ** 60n), "1,152,921,504,606,846,976; expected a header of 2 to 2 bytes"],
    ["length 2^64 - 1", fileOf("{}", 0, 2n ** 64n - 1n), "Git LFS pointer (git lfs pull). Get the file again"],
    ["not UTF-8", fileOf(Uint8Array.of(0x7b, 0xc3, 0x28, 0x7d)), "The header of m.safetensors is not UTF-8"],
    ["not JSON", fileOf("{,}"), "The header of m.safetensors is not JSON"],
    ["a list", fileOf("[1]"), "is [1]; expected a JSON object"],
    ["a byte order mark", fileOf("\uFEFF{}"), "byte order mark"],
    ["a tensor twice", fileOf('{"t":{},"t":{}}'), 'has the key "t" twice'],
    ["a field twice", fileOf('{"t":{"dtype":"F32","shape":[],"shape":[0]}}'), 'has the key "shape" twice'],
    ["a tensor that is a number", fileOf({ t: 5 }), 'm.safetensors: tensor "t" is 5; expected an object'],
    ["no dtype", fileOf(entry({ dtype: undefined }), 8), 'tensor "t": dtype is missing; expected one of F4'],
    ["an unknown dtype", fileOf(entry({ dtype: "F33" }), 8), 'tensor "t": dtype is "F33"'],
    ["a dtype of Object.prototype", fileOf(entry({ dtype: "constructor" }), 8), 'dtype is "constructor"'],
    ["no shape", fileOf(entry({ shape: undefined }), 8), "shape is missing"],
    ["a shape that is a number", fileOf(entry({ shape: 2 }), 8), "shape is 2; expected a list of whole numbers"],
    ["a negative extent", fileOf(entry({ shape: [-1, -2] }), 8), "shape is [-1, -2]"],
    ["half an extent", fileOf(entry({ shape: [0.5, 4] }), 8), "shape is [0.5, 4]"],
    ["an extent as text", fileOf(entry({ shape: ["2"] }), 8), "shape is an array; expected a list of whole numbers"],
    ["an unsafe extent", fileOf(entry({ shape: [2 ** 53] }), 8), "shape is [9007199254740992]"],
    ["an overflowing product", fileOf(entry({ shape: [2 ** 40, 2 ** 40] }), 8), "fewer elements than a file can hold"],
    ["a product that overflows to 0", fileOf(entry({ shape: [2 ** 40, 2 ** 40, 0] }), 0), "fewer elements"],
    ["half a byte", fileOf(entry({ dtype: "F4", shape: [3], data_offsets: [0, 1] }), 1), "expected whole bytes"],
    ["no offsets", fileOf(entry({ data_offsets: undefined }), 8), "data_offsets is missing"],
    [
      "three offsets",
      fileOf(entry({ data_offsets: [0, 4, 8] }), 8),
      "data_offsets is [0, 4, 8]; expected [start, end]",
    ],
    ["reversed offsets", fileOf(entry({ data_offsets: [8, 0] }), 8), "data_offsets is [8, 0]"],
    ["negative offsets", fileOf(entry({ data_offsets: [-8, 0] }), 8), "data_offsets is [-8, 0]"],
    ["offsets beyond the data", fileOf(entry({ data_offsets: [4, 12] }), 8), "inside the 8 bytes of data"],
    [
      "too few bytes",
      fileOf(entry({ data_offsets: [0, 4] }), 4),
      "has 4 bytes of data; expected 8 for F32 of shape [2]",
    ],
    ["an overlap", fileOf(two([0, 5], [4, 8]), 8), 'tensor "b" overlaps with tensor "a"'],
    ["the same bytes twice", fileOf(two([0, 8], [0, 8]), 8), "overlaps"],
    ["a hole at the start", fileOf(two([1, 4], [4, 8]), 8), 'has 1 bytes between the header and tensor "a"'],
    ["a hole inside", fileOf(two([0, 4], [6, 8]), 8), 'has 2 bytes between tensor "a" and tensor "b"'],
    ["bytes after the end", fileOf(two([0, 4], [4, 8]), 9), 'has 1 bytes after tensor "b"'],
    ["data without tensors", fileOf({}, 3), "has 3 bytes after the header that belong to no tensor"],
    ["metadata that is a list", fileOf({ __metadata__: [] }), "__metadata__ is []; expected an object of strings"],
    ["metadata with a number", fileOf({ __metadata__: { n: 1 } }), '__metadata__ has 1 at "n"'],
    ["a Git LFS pointer", utf8("version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"],
  ])("%s", async (_, bytes, message) => {
    expect(await refusal(bytes)).toContain(message);
  });

  test("a header over 10 MB, in a file large enough for it", async () => {
    const source = new GuardedSource(Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 0)); // 134,217,728
    Object.defineProperty(source, "size", { value: 2 ** 30 });
    await expect(openSafetensors(source, "m")).rejects.toThrow("expected a header of 2 to 10,000,000 bytes");
    expect(source.bytesRead).toBe(8);
  });
});

test("a file cut or lengthened anywhere is rejected", async () => {
  const whole = encodeSafetensors(new Map([["t", { dtype: "f32", shape: [3], data: Float32Array.of(1, 2, 3) }]]));
  for (let size = 0; size < whole.length; size++) {
    expect(await refusal(whole.subarray(0, size))).toMatch(/bytes/);
  }
  expect(await refusal(splice(whole, whole.length, 0, Uint8Array.of(0)))).toContain('has 1 bytes after tensor "t"');
  expect(await refusal(new Uint8Array())).toContain("m.safetensors has 0 bytes; expected a safetensors file");
});

const samples: Record<string, Tensor> = {
  f64: { dtype: "f64", shape: [2, 1], data: Float64Array.of(Math.PI, -0) },
  f32: { dtype: "f32", shape: [3], data: Float32Array.of(0.5, Number.NaN, -1e30) },
  f16: { dtype: "f16", shape: [1, 1, 3], data: Uint16Array.of(0x3c00, 0xfbff, 0x0001) },
  bf16: { dtype: "bf16", shape: [3], data: Uint16Array.of(0x3f80, 0xff7f, 0x0001) },
  i64: { dtype: "i64", shape: [1], data: BigInt64Array.of(-(2n ** 63n)) },
  i32: { dtype: "i32", shape: [2], data: Int32Array.of(-1, 2 ** 31 - 1) },
  u8: { dtype: "u8", shape: [5], data: Uint8Array.of(1, 2, 3, 4, 255) },
  scalar: { dtype: "f32", shape: [], data: Float32Array.of(7) },
  empty: { dtype: "f32", shape: [0, 4], data: new Float32Array() },
  'ünïcode "quoted"': { dtype: "u8", shape: [1], data: Uint8Array.of(9) },
  ["__proto__"]: { dtype: "u8", shape: [0], data: new Uint8Array() },
};

describe("encodeSafetensors and openSafetensors", () => {
  test("every dtype and the metadata round-trip", async () => {
    const bytes = encodeSafetensors(new Map(Object.entries(samples)), { format: "pt" });
    const file = await openSafetensors(new GuardedSource(bytes), "m");
    expect(file.metadata).toEqual(new Map([["format", "pt"]]));
    expect([...file.tensors.keys()].sort()).toEqual(Object.keys(samples).sort());
    for (const [name, tensor] of Object.entries(samples)) expect(await file.read(name)).toEqual(tensor);
  });

  test("the layout equals the reference writer's: padded header, widest first, every tensor aligned", async () => {
    const bytes = encodeSafetensors(new Map(Object.entries(samples)));
    const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(headerLength % 8).toBe(0);
    const file = await openSafetensors(new GuardedSource(bytes), "m");
    const order = [...file.tensors].sort(([, a], [, b]) => a.start - b.start).map(([, { dtype }]) => dtype);
    expect(order.join(" ")).toBe("F64 I64 F32 F32 I32 F32 BF16 F16 U8 U8 U8");
    for (const name of ["f64", "f32", "f16"]) {
      expect((await file.read(name)).data.buffer, "no copy of aligned data").toBe(bytes.buffer);
    }
  });

  test("unaligned data is copied, even from a Node Buffer, and a bool is a byte", async () => {
    const bytes = fileOf(
      {
        b: { dtype: "BOOL", shape: [1], data_offsets: [0, 1] },
        d: { dtype: "F64", shape: [1], data_offsets: [1, 9] },
        f: { dtype: "F32", shape: [1], data_offsets: [9, 13] },
      },
      13,
    );
    const view = new DataView(bytes.buffer, bytes.length - 13);
    view.setUint8(0, 1);
    view.setFloat64(1, Math.E, true);
    view.setFloat32(9, 0.25, true);
    for (let shift = 0; shift < 8; shift++) {
      const shifted = Buffer.alloc(bytes.length + 8).subarray(shift, shift + bytes.length);
      shifted.set(bytes);
      const file = await openSafetensors(new GuardedSource(shifted), "m");
      expect(await file.read("b")).toEqual({ dtype: "u8", shape: [1], data: Uint8Array.of(1) });
      expect((await file.readFloat("d")).data).toEqual(Float64Array.of(Math.E));
      expect((await file.readFloat("f")).data).toEqual(Float32Array.of(0.25));
    }
  });

  test("other dtypes are allowed, but reading them is an error that names them", async () => {
    const header = {
      q: { dtype: "F8_E4M3", shape: [4], data_offsets: [0, 4] },
      four: { dtype: "F4", shape: [4], data_offsets: [4, 6] },
      i: { dtype: "I64", shape: [1], data_offsets: [6, 14] },
    };
    const file = await openSafetensors(new GuardedSource(fileOf(header, 14)), "m");
    await expect(file.read("q")).rejects.toThrow('m: tensor "q" is F8_E4M3; expected F64, F32, F16, BF16, I64');
    await expect(file.readFloat("four")).rejects.toThrow('tensor "four" is F4');
    await expect(file.readFloat("i")).rejects.toThrow('m: tensor "i" is I64; expected F64, F32, F16, BF16.');
    await expect(file.read("none")).rejects.toThrow('m has no tensor "none"');
    expect((await file.read("i")).data).toEqual(BigInt64Array.of(0n));
  });

  test("the writer rejects invalid tensors", () => {
    const data = Uint8Array.of(1);
    expect(() => encodeSafetensors(new Map([["t", { dtype: "u8", shape: [2], data }]]))).toThrow(
      'Tensor "t" has 1 elements; expected 2, as its shape [2] says',
    );
    expect(() => encodeSafetensors(new Map([["__metadata__", { dtype: "u8", shape: [1], data }]]))).toThrow("called");
  });
});
