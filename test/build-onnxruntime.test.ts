/** The build ships one version of ONNX Runtime, byte for byte the one that is named in the repository. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { onnxRuntimeFiles } from "../tools/build/onnxruntime.ts";
import { repositoryRoot } from "./support/golden.ts";

const names = ["ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.mjs", "ort.wasm.bundle.min.mjs"];
const source = join(repositoryRoot, "node_modules", "onnxruntime-web");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-runtime-"));
  for (const name of ["package.json", "dist/ort.node.min.mjs", ...names.map((name) => `dist/${name}`)]) {
    await cp(join(source, name), join(folder, name));
  }
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs the plugin on the copy. @returns what it emits, by file. */
async function emitted(): Promise<Map<string, string | Uint8Array>> {
  const files = new Map<string, string | Uint8Array>();
  const emitFile = (file: { fileName: string; source: string | Uint8Array }) => files.set(file.fileName, file.source);
  const { generateBundle } = onnxRuntimeFiles(pathToFileURL(`${folder}/`));
  await (generateBundle as unknown as () => Promise<void>).call({ emitFile });
  return files;
}

test("ships its files with their licences", async () => {
  const files = await emitted();
  const expected = [...names, "LICENSE", "ThirdPartyNotices.txt"].map((name) => `onnxruntime/${name}`);
  expect([...files.keys()].sort()).toEqual(expected.sort());
  const wasm = await readFile(join(source, "dist", "ort-wasm-simd-threaded.wasm"));
  expect(wasm.equals(files.get("onnxruntime/ort-wasm-simd-threaded.wasm") as Uint8Array)).toBe(true);
});

test("refuses another version", async () => {
  await writeFile(join(folder, "package.json"), '{ "version": "1.31.0" }');
  await expect(emitted()).rejects.toThrow(/onnxruntime-web is 1\.31\.0; expected \d+\.\d+\.\d+\. Run npm ci/);
});

test("refuses a file that is not the one it names", async () => {
  await writeFile(join(folder, "dist", "ort.node.min.mjs"), "changed");
  await expect(emitted()).rejects.toThrow(/ort\.node\.min\.mjs has the SHA-256 [0-9a-f]{64}; expected [0-9a-f]{64}/);
});
