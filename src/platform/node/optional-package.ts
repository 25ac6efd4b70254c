/**
 * The packages that a user installs beside fusebert for more speed or a GPU: optional peer dependencies, of which none
 * has to be there.
 *
 * Must stay true: a package that is not installed and one that is installed but cannot be loaded are told apart.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, sep } from "node:path";
import { codeOf, EngineError, messageOf } from "../../errors.ts";

export type OptionalPackage = "onnxruntime-node" | "webgpu";

const require = createRequire(import.meta.url);

/** Resolving the package by its own name works from the sources and from every file of the build. */
export const packageRoot = (): string => dirname(require.resolve("fusebert/package.json"));

/**
 * @param load imports it; a literal `import()`, so that bundlers see it.
 * @param otherwise what the user can do without it, as a sentence.
 * @returns undefined if it is not installed.
 * @throws EngineError with the package's own message if it is installed but cannot be loaded.
 */
export async function importOptional<T>(
  name: OptionalPackage,
  load: () => Promise<T>,
  otherwise: string,
): Promise<T | undefined> {
  try {
    return await load();
  } catch (cause) {
    if (!isInstalled(name)) return undefined;
    throw new EngineError({
      found: `the package ${name} is installed, but cannot be loaded: ${messageOf(cause).split("\n")[0]}`,
      expected: "a build of it for this machine; it has some for Linux, macOS and Windows on x64 and arm64",
      advice: `Reinstall it (${installCommand(name)}). ${otherwise}`,
      cause,
    });
  }
}

function isInstalled(name: OptionalPackage): boolean {
  try {
    require.resolve(`${name}/package.json`);
    return true;
  } catch (error) {
    // Another error is a package that does not export its package.json.
    return codeOf(error) !== "MODULE_NOT_FOUND";
  }
}

/** The command that installs a package where this fusebert finds it: in a project, globally, or for npx. */
export function installCommand(name: OptionalPackage, root: string = packageRoot()): string {
  if (root.includes(`${sep}_npx${sep}`)) return `npx --package fusebert --package ${name} fusebert …`;
  if (root.includes(`${sep}.pnpm${sep}`)) return `pnpm add ${name}`;
  const modules = dirname(root);
  // A project's node_modules stands beside its package.json, the global one beside nothing.
  const isGlobal = basename(modules) === "node_modules" && !existsSync(join(dirname(modules), "package.json"));
  return `npm install ${isGlobal ? "--global " : ""}${name}`;
}
