/**
 * Builds the package once before the tests: the command and the package are tested as they are shipped.
 */
import { execFileSync } from "node:child_process";
import { repositoryRoot } from "./golden.ts";

export function setup(): void {
  execFileSync("npm", ["run", "--silent", "build"], { cwd: repositoryRoot, stdio: ["ignore", "ignore", "inherit"] });
}
