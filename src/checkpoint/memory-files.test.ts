import { expect, test } from "vitest";
import { MemoryFiles } from "./memory-files.ts";
import { utf8 } from "./testing/tiny-model.ts";

const bytes = utf8("0123456789");

test.each([
  ["bytes", bytes],
  ["an ArrayBuffer", Uint8Array.from(bytes).buffer],
  ["a Blob", new Blob([Uint8Array.from(bytes)])],
  ["a File", new File([Uint8Array.from(bytes)], "chosen")],
])("%s are read range by range", async (_, content) => {
  const source = await new MemoryFiles({ "a/b": content }).open("a/b");
  expect(source?.size).toBe(10);
  expect(await source?.read(3, 6)).toEqual(utf8("345"));
  expect(await source?.read(10, 10)).toEqual(new Uint8Array());
  for (const [start, end] of [
    [0, 11],
    [6, 3],
    [-1, 2],
    [0.5, 2],
  ] as const) {
    await expect(source?.read(start, end)).rejects.toThrow("model in memory/a/b has 10 bytes, and bytes");
  }
  await source?.close();
  await source?.close();
  await expect(source?.read(0, 1)).rejects.toThrow("was closed before it was read");
});

test("bytes in memory are not copied", async () => {
  const source = await new MemoryFiles({ f: bytes }).open("f");
  expect((await source?.read(1, 4))?.buffer).toBe(bytes.buffer);
});

test("a Blob is never read as a whole", async () => {
  const blob = new Blob([Uint8Array.from(bytes)]);
  blob.arrayBuffer = () => Promise.reject(new Error("read as a whole"));
  const source = await new MemoryFiles({ f: blob }).open("f");
  expect(await source?.read(0, 2)).toEqual(utf8("01"));
});

test("a File that changed on disk is an error that says so", async () => {
  const file = new Blob([Uint8Array.from(bytes)]);
  file.slice = () => Object.assign(new Blob(), { arrayBuffer: () => Promise.reject(new Error("NotReadable")) });
  const source = await new MemoryFiles({ f: file }).open("f");
  await expect(source?.read(0, 2)).rejects.toThrow("cannot be read (NotReadable). Choose the file again");
  file.slice = () => new Blob(["1"]);
  await expect(source?.read(0, 2)).rejects.toThrow("has 1 bytes, and bytes 0 to 2 were asked for");
});

test("only the given files exist", async () => {
  const files = new MemoryFiles({ f: bytes }, "mine");
  expect(files.name).toBe("mine");
  expect(await files.open("constructor")).toBeUndefined();
});
