/** Some hundred mutated files of every kind; `npm run test:long` reads ten thousand of each (`test/long/fuzz.test.ts`). */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, test, vi } from "vitest";
import { fuzz } from "./harness.ts";
import { kinds } from "./kinds.ts";

const RUNS = 400;

let cache: string;
beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), "fusebert-fuzz-"));
  vi.stubEnv("XDG_CACHE_HOME", cache);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

test.each(kinds)("mutated files: $name", async (kind) => {
  await fuzz(kind, RUNS);
});
