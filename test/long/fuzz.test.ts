/** Ten thousand mutated files of every kind that is read, with figures. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, test, vi } from "vitest";
import { type FuzzFigures, formatFigures, fuzz } from "../fuzz/harness.ts";
import { kinds } from "../fuzz/kinds.ts";

const RUNS = 10_000;

const figures: FuzzFigures[] = [];
let cache: string;
beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), "fusebert-fuzz-"));
  vi.stubEnv("XDG_CACHE_HOME", cache);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
  console.log(formatFigures(figures));
});

test.each(kinds)("mutated files: $name", async (kind) => {
  figures.push(await fuzz(kind, RUNS));
});
