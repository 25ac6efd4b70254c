/**
 * A folder is written completely or not at all.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { InputError } from "../../errors.ts";
import { checkOutputFolder, writeFolder } from "./write-folder.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "fusebert-folder-"));
});
afterEach(() => rm(root, { recursive: true }));

const bytes = (text: string) => new TextEncoder().encode(text);
const files = new Map([
  ["deep/one.bin", new Uint8Array(40_000_000).fill(1)],
  ["two.txt", bytes("two")],
]);
const never = new AbortController().signal;
const quiet = () => undefined;
const listing = async (folder: string) => (await readdir(folder, { recursive: true })).sort();

test("every file is written, folders are created, and the progress is reported", async () => {
  const reported: number[] = [];
  await writeFolder(join(root, "a", "b"), files, never, (done, total) => reported.push(done / total));
  expect(await listing(join(root, "a"))).toEqual(["b", "b/deep", "b/deep/one.bin", "b/two.txt"]);
  expect((await readFile(join(root, "a/b/deep/one.bin"))).equals(Buffer.alloc(40_000_000, 1))).toBe(true);
  expect(reported.length).toBeGreaterThan(3);
  expect(reported.at(-1)).toBe(1);
});

test("files of the same names are replaced, others stay", async () => {
  await writeFile(join(root, "two.txt"), "old");
  await writeFile(join(root, "three.txt"), "three");
  await writeFolder(root, files, never, quiet);
  expect(await listing(root)).toEqual(["deep", "deep/one.bin", "three.txt", "two.txt"]);
  expect(await readFile(join(root, "two.txt"), "utf8")).toBe("two");
});

test("an interruption leaves nothing behind and replaces nothing", async () => {
  await mkdir(join(root, "old"));
  await writeFile(join(root, "old", "two.txt"), "old");
  for (const folder of ["old", "new/and/deeper"]) {
    const controller = new AbortController();
    const reason = new Error("enough");
    const writing = writeFolder(join(root, folder), files, controller.signal, () => controller.abort(reason));
    await expect(writing).rejects.toBe(reason);
  }
  expect(await listing(root)).toEqual(["old", "old/two.txt"]);
  expect(await readFile(join(root, "old", "two.txt"), "utf8")).toBe("old");
});

test("a failure leaves nothing behind", async () => {
  await mkdir(join(root, "two.txt")); // a folder in place of a file
  await expect(writeFolder(root, new Map([["two.txt", bytes("two")]]), never, quiet)).rejects.toThrow(InputError);
  expect(await listing(root)).toEqual(["two.txt"]);
});

test("a folder that is not empty is rejected without force, a file always", async () => {
  await expect(checkOutputFolder(root, false)).resolves.toBeUndefined();
  await expect(checkOutputFolder(join(root, "none"), false)).resolves.toBeUndefined();
  await writeFile(join(root, "b"), "");
  await writeFile(join(root, "a"), "");
  await expect(checkOutputFolder(root, false)).rejects.toThrow(
    /is not empty: it holds a and 1 more; expected an empty/,
  );
  await expect(checkOutputFolder(root, true)).resolves.toBeUndefined();
  await expect(checkOutputFolder(join(root, "a"), true)).rejects.toThrow(/a cannot be written \(ENOTDIR/);
});
