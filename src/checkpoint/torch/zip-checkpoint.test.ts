/** Archives that are no checkpoint's, or lie about themselves. */
import { expect, test } from "vitest";
import { CheckpointError } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { GuardedSource } from "../testing/guarded-source.ts";
import { PickleWriter } from "./testing/pickle-writer.ts";
import { checkpointOf, encodeTorchZip, zipFilesOf } from "./testing/torch-writer.ts";
import { concatenated, type DirectoryFields, encodeZip } from "./testing/zip-writer.ts";
import { openTorch } from "./torch-file.ts";

const tensor: Tensor = { dtype: "f32", shape: [4], data: Float32Array.of(1, 2, 3, 4) };
const checkpoint = checkpointOf(
  new Map([
    ["a", tensor],
    ["b", tensor],
  ]),
);
const files = zipFilesOf(checkpoint, "m");
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

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

/** The archive with other fields in the directory's entry of one file. */
const altered = (path: string, change: (fields: DirectoryFields) => Partial<DirectoryFields>): Uint8Array =>
  encodeZip(files, { entry: (name, fields) => (name === path ? change(fields) : {}) });

/** The archive with other bytes at `fromEnd`. */
const patched = (fromEnd: number, ...bytes: readonly number[]): Uint8Array => {
  const archive = encodeZip(files);
  archive.set(bytes, archive.length - fromEnd);
  return archive;
};

test("an archive without fields of 64 bits is read", async () => {
  const file = await openTorch(new GuardedSource(encodeZip(files, { isClassic: true })), "m.bin");
  expect((await file.read("b")).data).toEqual(tensor.data);
});

test("files that no tensor needs, and an archive without byteorder, are read", async () => {
  const others = files.filter(([name]) => name !== "m/byteorder");
  const file = await openTorch(new GuardedSource(encodeZip([...others, ["m/data/99", ascii("x")]])), "m.bin");
  expect(file.tensors.size).toBe(2);
});

test.each<[string, () => Uint8Array, string]>([
  [
    "a compressed file",
    () => altered("m/data/0", () => ({ method: 8 })),
    '"m/data/0" is compressed; expected files stored',
  ],
  ["an encrypted file", () => altered("m/data/0", () => ({ flags: 0x0809 })), '"m/data/0" is encrypted'],
  ["a zip bomb", () => altered("m/data/0", ({ size }) => ({ size: size * 1000 })), "has 16 bytes, and unpacked 16000"],
  [
    "a size beyond the file",
    () => altered("m/data/0", () => ({ size: 2e9, packed: 2e9 })),
    '"m/data/0" has 2,000,000,000 bytes; expected no more',
  ],
  ["a size of 64 bits that is missing", () => altered("m/data/0", () => ({ size: 0xffff_ffff })), "has no 64-bit size"],
  [
    "a place beyond the file",
    () => altered("m/data/0", () => ({ header: 4e9 })),
    'has no "m/data/0" at byte 4,000,000,000',
  ],
  [
    "a place in the middle of data",
    () => altered("m/data/0", ({ header }) => ({ header: header + 1 })),
    'has no "m/data/0" at byte',
  ],
  ["another file's place", () => altered("m/data/0", () => ({ header: 0 })), 'has no "m/data/0" at byte 0'],
  [
    "overlapping files",
    () => altered("m/data/0", ({ size }) => ({ size: size + 100, packed: size + 100 })),
    '"m/data/1" inside of "m/data/0"',
  ],
  ["a name twice", () => encodeZip([...files, ["m/data.pkl", ascii("N.")]]), 'has "m/data.pkl" twice'],
  [
    "a file of another root",
    () => encodeZip([...files, ["other/data.pkl", ascii("N.")]]),
    'has "other/data.pkl"; expected only files in the folder "m/"',
  ],
  [
    "a file above the root",
    () => encodeZip([...files, ["../m/x", ascii("N.")]]),
    'has "../m/x"; expected only files in the folder "m/"',
  ],
  ["no root", () => encodeZip([["data.pkl", ascii("N.")]]), 'has "data.pkl"; expected a folder with data.pkl'],
  [
    "an archive without files",
    () => concatenated([ascii("PK\u0003\u0004"), encodeZip([])]),
    "has no 64-bit end where it says",
  ],
  [
    "an archive of something else",
    () => encodeZip([["word/document.xml", ascii("<x/>")]]),
    "has no data.pkl; expected the archive of a checkpoint",
  ],
  [
    "a TorchScript archive",
    () => encodeZip([...files, ["m/constants.pkl", ascii("N.")]]),
    "is a TorchScript archive, a program",
  ],
  [
    "big-endian numbers",
    () => encodeZip(files.map(([name, bytes]) => [name, name === "m/byteorder" ? ascii("big") : bytes])),
    'has the byte order "big"; expected little',
  ],
  [
    "a storage that is missing",
    () => encodeZip(files.filter(([name]) => name !== "m/data/1")),
    'has no file for the storage "1"; expected 16 bytes for 4 elements of F32',
  ],
  [
    "a storage that is too short",
    () => encodeZip(files.map(([name, bytes]) => [name, name === "m/data/1" ? bytes.subarray(4) : bytes])),
    'has 12 bytes for the storage "1"',
  ],
  [
    "a pickle that is too large",
    () => encodeZip(files.map(([name, bytes]) => [name, name === "m/data.pkl" ? new Uint8Array(10_000_001) : bytes])),
    "has a data.pkl of 10,000,001 bytes",
  ],
  ["a comment", () => concatenated([encodeZip(files), ascii("comment")]), "does not end as a zip archive"],
  ["an archive of two disks", () => patched(18, 1), "two ends that contradict each other, or is a part"],
  ["two ends that contradict each other", () => patched(12, 1), "two ends that contradict each other"],
  ["a place of the 64-bit end that is wrong", () => patched(34, 1), "has no 64-bit end where it says"],
  ["2^63 files", () => patched(59, 0x80), "two ends that contradict each other"],
  ["an entry less", () => patched(66, 6), "two ends that contradict each other"],
])("%s is refused", async (_, bytes, message) => {
  expect(await refusal(bytes())).toContain(message);
});

test.each<[string, (writer: PickleWriter) => unknown, string]>([
  ["a number", (writer) => writer.integer(7), "m.bin holds 7; expected a dict of tensors, or one under"],
  ["a list", (writer) => writer.list([]), "m.bin holds a list"],
  [
    "a training state",
    (writer) => writer.dict([() => writer.text("model").dict([]), () => writer.text("epoch").integer(3)]),
    'holds "model" (a dict), "epoch" (3)',
  ],
  [
    "ten values",
    (writer) => writer.dict(Array.from({ length: 10 }, (__, index) => () => writer.integer(index).none())),
    "4 (None), 5 (None) and 4 more",
  ],
  [
    "a state dict with more",
    (writer) => writer.dict([() => writer.text("state_dict").dict([() => writer.text("x").none()])]),
    'm.bin, "state_dict", holds "x" (None)',
  ],
])("%s in place of a dict of tensors is refused", async (_, write, message) => {
  const writer = new PickleWriter();
  write(writer);
  expect(await refusal(encodeZip([["m/data.pkl", writer.finish()]]))).toContain(message);
});

test('a dict under "state_dict" is found, whatever is beside it', async () => {
  const inner = zipFilesOf(checkpoint, "m")[0]?.[1] ?? new Uint8Array();
  const outer = new PickleWriter();
  // The inner pickle without its protocol and its end.
  outer
    .dict([() => outer.text("epoch").integer(3)])
    .text("state_dict")
    .raw(...inner.subarray(2, -1), 0x73);
  const nested = files.map(([name, bytes]): [string, Uint8Array] => [
    name,
    name === "m/data.pkl" ? outer.finish() : bytes,
  ]);
  const file = await openTorch(new GuardedSource(encodeZip(nested)), "m.bin");
  expect([...file.tensors.keys()]).toEqual(["a", "b"]);
  expect((await file.read("b")).data).toEqual(tensor.data);
});

test("archives of a thousand tensors are read, and of none", async () => {
  const many = new Map(Array.from({ length: 1000 }, (_, index) => [`layer.${index}`, tensor]));
  const file = await openTorch(new GuardedSource(encodeTorchZip(checkpointOf(many))), "m.bin");
  expect(file.tensors.size).toBe(1000);
  expect((await openTorch(new GuardedSource(encodeTorchZip(checkpointOf(new Map()))), "m.bin")).tensors.size).toBe(0);
});
