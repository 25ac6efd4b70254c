/**
 * Where a file of this repository is: the same from the sources and from a bundle of them, since it is found by the
 * package's own name.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const root = dirname(createRequire(import.meta.url).resolve("fusebert/package.json"));

export const repositoryFile = (path: string): string => join(root, path);
