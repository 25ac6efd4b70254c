import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InputError } from "../../errors.ts";
import { readPackedText } from "./read-packed-text.ts";

const text = '{"text":"Łódź 😀"}\n';
/** `text` compressed by `xz`. */
const xz = Buffer.from(
  "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAXeyJ0ZXh0IjoixYHDs2TFuiDwn5iAIn0KAJXBNSTHFAXRAAEwGI4brOwftvN9AQAAAAAEWVo=",
  "base64",
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-packed-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(bytes: Uint8Array): Promise<string> {
  const path = join(folder, "file");
  await writeFile(path, bytes);
  return readPackedText(path);
}

test("plain, gzip and xz, independent of the file's name", async () => {
  expect(await read(Buffer.from(text))).toBe(text);
  expect(await read(gzipSync(text))).toBe(text);
  expect(await read(xz)).toBe(text);
  expect(await read(Buffer.concat([xz, xz]))).toBe(text + text);
});

test("a byte order mark is not part of the text", async () => {
  expect(await read(Buffer.from(`\ufeff${text}`))).toBe(text);
});

describe("rejects", () => {
  const damaged = Buffer.from(xz);
  damaged.writeUInt8(damaged.readUInt8(30) ^ 0xff, 30);
  const damagedGzip = gzipSync(text);
  damagedGzip.writeUInt8(damagedGzip.readUInt8(12) ^ 0xff, 12);
  test.each<[string, Uint8Array, RegExp]>([
    ["xz cut short", xz.subarray(0, -5), /cannot be unpacked \(it ends too early\); expected a whole xz file/],
    ["xz's first bytes alone", xz.subarray(0, 6), /cannot be unpacked \(it ends too early\)/],
    ["damaged xz", damaged, /cannot be unpacked \(it is damaged\)/],
    ["gzip cut short", gzipSync(text).subarray(0, 20), /cannot be unpacked \(unexpected end of file\)/],
    ["damaged gzip", damagedGzip, /cannot be unpacked \(/],
    ["text that is not UTF-8", Uint8Array.of(0x7b, 0xe9, 0x7d), /is not UTF-8/],
  ])("%s", async (_, bytes, says) => {
    const error = await read(bytes).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(InputError);
    expect(String(error)).toMatch(says);
  });

  test("xz cut anywhere", async () => {
    for (let length = 6; length < xz.length; length++) {
      await expect(read(xz.subarray(0, length))).rejects.toThrow(InputError);
    }
  });

  test("a missing file and a folder", async () => {
    await expect(readPackedText(join(folder, "gone"))).rejects.toThrow(/gone does not exist; expected a file/);
    await expect(readPackedText(folder)).rejects.toThrow(/is a folder/);
  });
});
