import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EngineError } from "../../errors.ts";
import { importOptional, installCommand } from "./optional-package.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-optional-"));
  await mkdir(join(folder, "project", "node_modules", "fusebert"), { recursive: true });
  await writeFile(join(folder, "project", "package.json"), "{}");
});
afterAll(() => rm(folder, { recursive: true }));

test("the command installs a package where fusebert finds it", () => {
  const inProject = join(folder, "project", "node_modules", "fusebert");
  expect(installCommand("webgpu", inProject)).toBe("npm install webgpu");
  expect(installCommand("webgpu", join(folder, "lib", "node_modules", "fusebert"))).toBe("npm install --global webgpu");
  expect(installCommand("webgpu", join(folder, "_npx", "5f1", "node_modules", "fusebert"))).toBe(
    "npx --package fusebert --package webgpu fusebert …",
  );
  const ofPnpm = join(folder, "project", "node_modules", ".pnpm", "fusebert@1.0.0", "node_modules", "fusebert");
  expect(installCommand("webgpu", ofPnpm)).toBe("pnpm add webgpu");
  // A clone.
  expect(installCommand("webgpu", join(folder, "fusebert"))).toBe("npm install webgpu");
});

test("a package that is installed but fails says why", async () => {
  const load = () => Promise.reject(new Error("no build for this machine\nand a stack"));
  const failure = await importOptional("webgpu", load, "Or stay on the CPU.").catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(EngineError);
  expect(failure).toMatchObject({
    message: expect.stringMatching(
      /webgpu is installed, but cannot be loaded: no build for this machine; expected .*Or stay on the CPU\.$/,
    ),
  });
});
