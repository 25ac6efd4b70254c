#!/usr/bin/env node
/**
 * The command `fusebert`. In the package it only starts what was built; in a clone that has not been built yet it builds
 * first, so that `npx fusebert` works right after `npm ci`.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

if (!existsSync(`${root}dist/cli/main.js`)) {
  const { spawnSync } = await import("node:child_process");
  process.stderr.write("fusebert is not built yet: building it once…\n");
  const { status } = spawnSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    process.stderr.write("The build failed. Run npm ci, then npm run build, and try again.\n");
    process.exit(3);
  }
}

const { main } = await import("../dist/cli/main.js");
process.exitCode = await main(process.argv);
