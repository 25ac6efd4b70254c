import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectFile } from "./inspect.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-inspect-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("valid JSON is whole, cut JSON is damaged", async () => {
  const path = join(folder, "config.json");
  expect(await inspectFile(path)).toBe("absent");
  await writeFile(path, "{}");
  expect(await inspectFile(path)).toBe("whole");
  await writeFile(path, "{");
  expect(await inspectFile(path)).toBe("damaged");
});

test.skipIf(process.platform !== "linux")("an unreadable file is neither", async () => {
  const path = join(folder, "unreadable.json");
  // An ordinary file that even root cannot read.
  await symlink("/proc/self/mem", path);
  expect(await inspectFile(path)).toBe("unreadable");
});
