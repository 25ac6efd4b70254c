/**
 * ONNX Runtime's WebAssembly in the package: the binary, the module that starts its threads and the API for browsers are
 * copied from `onnxruntime-web` into `dist/onnxruntime`, with their licences. The API for Node is bundled into the same folder
 * (tsdown.config.ts), because it imports `onnxruntime-common`.
 *
 * Must stay true: what is shipped is exactly what is named here, with the changes below, and the licences are those of that
 * version.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Rolldown } from "tsdown";

/**
 * To take another version: install exactly that one of onnxruntime-web, -common and -node, update this, and take LICENSE
 * and ThirdPartyNotices.txt of that version from ONNX Runtime's repository (npm's package has neither).
 */
const pinned = {
  version: "1.30.0",
  /** SHA-256 by file in `onnxruntime-web/dist`. */
  files: {
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort.node.min.mjs": "f41b1e1ccf89e7b630c2a822192d6cf48d642b1abe3c321f1ad6b4130a78327e",
  },
};

/** A file of its own, as it is: bundlers recognise how it names the .wasm file and its worker. */
const browserModule = "ort.wasm.bundle.min.mjs";

const browserImport = "onnxruntime-web/wasm";

const threadModule = "ort-wasm-simd-threaded.mjs";

const copied = ["ort-wasm-simd-threaded.wasm", threadModule, browserModule];
const licences = ["LICENSE", "ThirdPartyNotices.txt"];

const packageFolder = new URL("../../node_modules/onnxruntime-web/", import.meta.url);

/** @param source the package `onnxruntime-web`. */
export function onnxRuntimeFiles(source: URL = packageFolder): Rolldown.Plugin {
  return {
    name: "onnxruntime-files",
    resolveId: (id) => (id === browserImport ? { id, external: true } : undefined),
    // Wherever the bundler puts the code that imports it.
    renderChunk: (code, { fileName }) =>
      code.replaceAll(
        `"${browserImport}"`,
        `"${"../".repeat(fileName.split("/").length - 1) || "./"}onnxruntime/${browserModule}"`,
      ),
    async generateBundle() {
      const files = await readPinned(source);
      for (const name of copied) {
        this.emitFile({ type: "asset", fileName: `onnxruntime/${name}`, source: files.get(name) ?? "" });
      }
      for (const name of licences) {
        const text = await readFile(new URL(`licenses/onnxruntime/${name}`, import.meta.url));
        this.emitFile({ type: "asset", fileName: `onnxruntime/${name}`, source: text });
      }
    },
  };
}

/** @throws Error for another version, or a file with other contents. */
async function readPinned(source: URL): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const { version } = JSON.parse(await readFile(new URL("package.json", source), "utf8")) as { version: string };
  if (version !== pinned.version) throw refused(`onnxruntime-web is ${version}`, pinned.version);
  const entries = Object.entries(pinned.files).map(async ([name, expected]) => {
    const path = new URL(`dist/${name}`, source);
    const bytes = await readFile(path);
    const found = createHash("sha256").update(bytes).digest("hex");
    if (found !== expected) throw refused(`${fileURLToPath(path)} has the SHA-256 ${found}`, expected);
    return [name, name.endsWith(".mjs") ? changed(name, bytes.toString()) : bytes] as const;
  });
  return new Map(await Promise.all(entries));
}

/** The maps are not shipped, and Vite's development server complains of their absence. */
const sourceMap = /\n\/\/# sourceMappingURL=.*\n?$/;

/** In Node a thread takes the process's own arguments: what `node --eval` ran would fail in it, `--import` run again. */
const threadOptions = 'workerData:"em-pthread",';

function changed(name: string, text: string): string {
  if (name !== threadModule) return text.replace(sourceMap, "\n");
  if (text.split(threadOptions).length !== 2) throw refused(`${name} starts its threads otherwise`, threadOptions);
  return text.replace(threadOptions, `${threadOptions}execArgv:[],`);
}

function refused(found: string, expected: string): Error {
  return new Error(
    `${found}; expected ${expected}. Run npm ci; to ship another version, see tools/build/onnxruntime.ts.`,
  );
}
