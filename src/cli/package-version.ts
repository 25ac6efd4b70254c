/**
 * The version of this package, for `--version` and reports.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

export function packageVersion(): string {
  const path = createRequire(import.meta.url).resolve("fusebert/package.json");
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
  return version;
}
