/**
 * `npm run check:fast`: types, and Biome on the files that differ from the last commit; a few seconds, for between two edits.
 * `npm run check` is the full one: it looks at every file, and at the direction of imports.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Paths that git lists, one a NUL. */
const listed = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);

/** Runs a package's program. Gives its exit code. */
function run(program, ...args) {
  const child = spawn(process.execPath, [`${root}node_modules/${program}`, ...args], { cwd: root, stdio: "inherit" });
  return new Promise((resolve) => child.on("close", (code) => resolve(code ?? 1)));
}

const changed = new Set([
  ...listed("diff", "--name-only", "--relative", "-z", "HEAD"),
  ...listed("ls-files", "--others", "--exclude-standard", "-z"),
]);
const files = [...changed].filter((path) => existsSync(`${root}${path}`));

const buildInfo = "check-fast.tsbuildinfo";
const codes = await Promise.all([
  run("typescript/bin/tsc", "--noEmit", "--incremental", "--tsBuildInfoFile", buildInfo),
  files.length === 0
    ? 0
    : run("@biomejs/biome/bin/biome", "check", "--error-on-warnings", "--no-errors-on-unmatched", "--", ...files),
]);
process.exitCode = Math.max(...codes);
