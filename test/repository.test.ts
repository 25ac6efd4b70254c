/**
 * What the repository promises of itself: small files, and documents that name what exists.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "./support/golden.ts";

const longestFile = 400;
/** Lines of src/ without tests. Raise it with a reason in the commit that does: complexity is the enemy. */
const budget = 45_600;

const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: repositoryRoot,
  encoding: "utf8",
})
  .split("\n")
  // A file that was deleted but not yet committed is still listed.
  .filter((path) => path !== "" && existsSync(join(repositoryRoot, path)));

const linesOf = (path: string) => readFileSync(join(repositoryRoot, path), "utf8").split("\n").length - 1;

test("no source file is too long to read", () => {
  const sources = tracked.filter((path) => /^(src|test|bench|bin|tools)\/.*\.(ts|js|mjs)$/.test(path));
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.filter((path) => linesOf(path) > longestFile)).toEqual([]);
});

test("the sources keep to their budget", () => {
  const sources = tracked.filter((path) => /^src\/.*\.ts$/.test(path) && !/\.test\.ts$|\/testing(\.ts$|\/)/.test(path));
  const total = sources.reduce((sum, path) => sum + linesOf(path), 0);
  console.log(`src/ has ${total} lines of ${budget}`);
  expect(total).toBeLessThanOrEqual(budget);
});

test("every file that a document links to exists", () => {
  for (const document of tracked.filter((path) => path.endsWith(".md") && !path.startsWith("test/"))) {
    const text = readFileSync(join(repositoryRoot, document), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) {
      expect(tracked, `${document} links to ${target}`).toContain(join(document, "..", target));
    }
  }
});
