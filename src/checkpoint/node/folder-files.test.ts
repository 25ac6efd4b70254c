import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CheckpointError } from "../../errors.ts";
import { utf8 } from "../testing/tiny-model.ts";
import { FolderFiles } from "./folder-files.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-"));
  await writeFile(join(folder, "file"), "0123456789");
  await symlink(join(folder, "file"), join(folder, "link"));
  await mkdir(join(folder, "folder"));
});

afterAll(() => rm(folder, { recursive: true }));

test.each(["file", "link"])("a %s is read by position", async (path) => {
  const source = await new FolderFiles(folder).open(path);
  expect(source?.size).toBe(10);
  const [end, start] = await Promise.all([source?.read(8, 10), source?.read(0, 3)]);
  expect([start, end]).toEqual([utf8("012"), utf8("89")]);
  await expect(source?.read(8, 11)).rejects.toThrow("has 10 bytes, and bytes 8 to 11 were asked for");
  await source?.close();
  await source?.close();
  await expect(source?.read(0, 1)).rejects.toThrow("was closed before it was read");
});

test("a missing file is undefined", async () => {
  const files = new FolderFiles(`${folder}/`);
  expect(files.name).toBe(folder);
  expect(await files.open("none")).toBeUndefined();
  expect(await files.open("file/below")).toBeUndefined();
  expect(await files.open("none/below")).toBeUndefined();
});

test.each([
  ["a folder in a file's place", "", "folder", "folder is not a file; expected an ordinary file"],
  ["a model that does not exist", "none", "file", "none does not exist; expected a folder with config.json"],
  ["a model that is a file", "file", "config.json", "file is a file; expected the folder that holds config.json"],
])("%s is an error", async (_, model, path, message) => {
  const opening = new FolderFiles(join(folder, model)).open(path);
  await expect(opening).rejects.toThrow(CheckpointError);
  await expect(opening).rejects.toThrow(message);
});

test.skipIf(process.platform === "win32")("a named pipe is rejected without waiting", async () => {
  execFileSync("mkfifo", [join(folder, "pipe")]);
  await expect(new FolderFiles(folder).open("pipe")).rejects.toThrow("pipe is not a file");
});

test.skipIf(process.platform === "win32" || process.getuid?.() === 0)("a forbidden file is an error", async () => {
  await writeFile(join(folder, "secret"), "");
  await chmod(join(folder, "secret"), 0);
  await expect(new FolderFiles(folder).open("secret")).rejects.toThrow("secret may not be read (EACCES)");
});

test("a file that shrinks while it is open is an error", async () => {
  await writeFile(join(folder, "shrinks"), "0123456789");
  const source = await new FolderFiles(folder).open("shrinks");
  await truncate(join(folder, "shrinks"), 4);
  await expect(source?.read(0, 10)).rejects.toThrow("shrinks ends at byte 4; expected 10 bytes, as when it was opened");
  await source?.close();
});
