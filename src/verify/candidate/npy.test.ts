import { expect, test } from "vitest";
import { GuardedSource } from "../../checkpoint/testing/guarded-source.ts";
import { InputError } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { encodeNpy, npyHeader } from "../testing/npy.ts";
import { readNpy } from "./npy.ts";

const bytesOf = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const read = (bytes: Uint8Array): Promise<Tensor> => readNpy(new GuardedSource(bytes), "a.npy");

/** The error for a file with this header and number of data bytes. */
async function refusal(header: string, bytes = 24): Promise<string> {
  const file = encodeNpy(header, new Uint8Array(bytes));
  const error: unknown = await read(file).then(
    () => expect.fail(`${header} is accepted`),
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return error instanceof Error ? error.message : "";
}

const floats = Float32Array.of(0, 1, 2, 3, 4, 5);

test.each([1, 2, 3])("version %i", async (version) => {
  const tensor = await read(encodeNpy(npyHeader("<f4", "(2, 3)"), bytesOf(floats), version));
  expect(tensor).toEqual({ dtype: "f32", shape: [2, 3], data: floats });
});

test.each([
  ["<f2", "f16", Uint16Array.of(0x3c00, 0)],
  ["<f8", "f64", Float64Array.of(1, -1)],
  ["<i4", "i32", Int32Array.of(1, -1)],
  ["<i8", "i64", BigInt64Array.of(1n, -1n)],
  ["|u1", "u8", Uint8Array.of(1, 255)],
  ["|b1", "u8", Uint8Array.of(1, 0)],
] as const)("%s is %s", async (descr, dtype, data) => {
  // A header of odd length, so that the data is not aligned.
  const file = encodeNpy(`${npyHeader(descr, "(2,)")} `, bytesOf(data));
  expect(await read(file)).toEqual({ dtype, shape: [2], data });
});

test("a view of a larger buffer is read within its bounds", async () => {
  const file = encodeNpy(npyHeader("<f4", "(6,)"), bytesOf(floats));
  expect(
    (await read(Buffer.concat([Buffer.from("before it"), file, Buffer.from("after")]).subarray(9, -5))).data,
  ).toEqual(floats);
});

test("scalars, empty arrays, and headers of other programs are read", async () => {
  expect((await read(encodeNpy(npyHeader("<f4", "()"), bytesOf(floats.slice(0, 1))))).shape).toEqual([]);
  expect((await read(encodeNpy(npyHeader("<f4", "(3, 0)", "True"), new Uint8Array()))).shape).toEqual([3, 0]);
  const python2 = `{"shape":(2L,3L),"fortran_order":False,"descr":"<f4"}`;
  expect((await read(encodeNpy(python2, bytesOf(floats)))).shape).toEqual([2, 3]);
});

test("column-major files become row-major", async () => {
  const tensor = await read(encodeNpy(npyHeader("<f4", "(2, 3)", "True"), bytesOf(floats)));
  expect([...tensor.data]).toEqual([0, 2, 4, 1, 3, 5]);
  const deep = Uint8Array.from({ length: 24 }, (_, index) => index);
  const expected = Array.from(
    { length: 24 },
    (_, at) => Math.floor(at / 12) + 2 * (Math.floor(at / 4) % 3) + 6 * (at % 4),
  );
  expect([...(await read(encodeNpy(npyHeader("|u1", "(2, 3, 4)", "True"), deep))).data]).toEqual(expected);
});

test("unsupported dtypes are rejected, with advice for each", async () => {
  expect(await refusal(npyHeader(">f4", "(2, 3)"))).toBe(
    'a.npy holds ">f4", which is big-endian; expected <f2, <f4, <f8, <i4, <i8, |u1, |b1. Convert it: array.astype("<f4").',
  );
  expect(await refusal(npyHeader("|V2", "(2, 3)"))).toContain(
    "If these are bfloat16 numbers, save them as safetensors",
  );
  expect(await refusal(npyHeader("|O", "(2, 3)"))).toContain("pickled Python objects");
  expect(await refusal(npyHeader("<c8", "(2, 3)"))).toContain('Convert it: array.astype("<f4").');
  expect(await refusal("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2, 3), }")).toContain(
    "structured array",
  );
});

test("damaged files and malformed headers are rejected", async () => {
  const sized = "a.npy has 24 bytes of data; expected";
  expect(await refusal(npyHeader("<f4", "(2, 4)"))).toContain(
    `${sized} 32 for f32 of shape [2, 4]. Check that the file`,
  );
  expect(await refusal(npyHeader("<f4", "(2, 2)"))).toContain(sized);
  expect(await refusal(npyHeader("<f4", "(999999999999999, 999999999999999)"))).toContain(sized);
  expect(await refusal(npyHeader("<f4", "(2, 3, -1)"))).toContain("expected a whole number of at least 0");
  expect(await refusal(npyHeader("<f4", "(6)"))).toContain("expected a ,");
  expect(await refusal(npyHeader("<f4", "(2 ** 9, 3)"))).toContain('has "** 9, 3), }');
  expect(await refusal(npyHeader("<f4", "__import__('os')"))).toContain("expected a string");
  expect(await refusal(npyHeader("<f4", "'6'"))).toContain('shape is "6"; expected a tuple');
  expect(await refusal(npyHeader("<f4", "(6,)", "1"))).toContain("expected a string");
  expect(await refusal("{'descr': '<f4', 'shape': (6,)}")).toContain("has no fortran_order; expected True or False");
  expect(await refusal("{'descr': '<f4', 'descr': '<f4'}")).toContain('has "descr" twice');
  expect(await refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'x': 'y'}")).toContain(
    'has "x"; expected only',
  );
  expect(await refusal(`${npyHeader("<f4", "(6,)")}{}`)).toContain("expected nothing more");
  expect(await refusal("")).toContain("has nothing at character 0; expected a {");
  for (const bytes of [new Uint8Array(), new Uint8Array(9), new TextEncoder().encode("PK\x03\x04 an archive")]) {
    await expect(read(bytes)).rejects.toThrow("a.npy does not begin as .npy files do");
  }
  const valid = encodeNpy(npyHeader("<f4", "(6,)"), bytesOf(floats));
  await expect(read(valid.with(6, 9))).rejects.toThrow("a.npy is of .npy version 9.0; expected 1.0, 2.0 or 3.0");
  await expect(read(valid.slice(0, 50))).rejects.toThrow("says that its header has 118 bytes; expected at most 40");
  const long = encodeNpy(npyHeader("<f4", "(6,)").padEnd(70_000), bytesOf(floats), 2);
  await expect(read(long)).rejects.toThrow("says that its header has 70000 bytes; expected at most 65536");
});
