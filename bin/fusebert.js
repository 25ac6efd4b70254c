#!/usr/bin/env node
/**
 * The command `fusebert`. In the package it only starts what was built; in a clone that has not been built yet it builds
 * first, so that `npx fusebert` works right after `npm ci`.
 */
import { existsSync, readFileSync, writeSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [, , option = "", ...others] = process.argv;

// Scripts ask for the version, and loading the command line takes longer than all the rest.
if (!["-V", "--version"].includes(option) || others.length > 0 || !printVersion()) {
  if (!existsSync(`${root}dist/cli/main.js`)) await build();
  // From Node 22 on: compiled once, for all later starts.
  module.enableCompileCache?.();
  const { main } = await import("../dist/cli/main.js");
  process.exitCode = await main(process.argv);
}

/** @returns false if it cannot be written, which the command line reports. */
function printVersion() {
  try {
    writeSync(1, `${JSON.parse(readFileSync(`${root}package.json`, "utf8")).version}\n`);
    return true;
  } catch {
    return false;
  }
}

async function build() {
  const { spawnSync } = await import("node:child_process");
  process.stderr.write("fusebert is not built yet: building it once…\n");
  const { status } = spawnSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  process.stderr.write("The build failed. Run npm ci, then npm run build, and try again.\n");
  process.exit(3);
}
