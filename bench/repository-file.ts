/**
 * Paths of this repository's files, resolved by the package's name so that they also work in a bundle.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const root = dirname(createRequire(import.meta.url).resolve("fusebert/package.json"));

export const repositoryFile = (path: string): string => join(root, path);
