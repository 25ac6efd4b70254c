/**
 * A limit of time in a test ends what hangs, and fails nothing that is merely slow: this is a machine of any speed.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "./support/golden.ts";

const shortest = 600_000;

test("no test has a shorter limit than ten minutes, and none waits for a clock to interrupt something", () => {
  const files = ["src", "test"].flatMap((folder) =>
    readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  );
  const tests = files.filter((path) => /\.test\.ts$|^test\/support\/.*\.ts$/.test(path));
  expect(tests.length).toBeGreaterThan(80);
  const short = tests.flatMap((path) => {
    const code = readFileSync(join(repositoryRoot, path), "utf8");
    const limits = [...code.matchAll(/\b(?:timeout|\w*Timeout|patienceMs)(?::| =) ([\d_]+)/g)];
    const values = limits.map(([, digits = ""]) => Number(digits.replaceAll("_", "")));
    const clocks = /interruptAfter|AbortSignal\.timeout\(\d|setTimeout\(\(\) => \w+\.abort\(\w*\), \d{3}/.test(code);
    return values.some((value) => value < shortest) || (clocks && !path.endsWith("time-limits.test.ts")) ? [path] : [];
  });
  expect(short).toEqual([]);
});
