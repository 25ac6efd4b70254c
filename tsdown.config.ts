import { builtinModules } from "node:module";
import { esmExternalRequirePlugin } from "rolldown/plugins";
import { defineConfig, type Rolldown } from "tsdown";
import { thirdPartyLicenses } from "./tools/build/licenses.ts";
import { onnxRuntimeFiles } from "./tools/build/onnxruntime.ts";

/** linkedom would use the package canvas if it found it; it has a stand-in. */
const withoutCanvas: Rolldown.Plugin = {
  name: "without-canvas",
  resolveId(id, importer) {
    return id === "canvas" ? this.resolve("./canvas-shim.cjs", importer) : undefined;
  },
};

/** Bundled CommonJS requires Node's modules. `createRequire` in a chunk that browsers load too would break them. */
const requireAsImport = esmExternalRequirePlugin({ external: [/^node:/, ...builtinModules] });

/** Modules of `src/`, with all that they import. */
const modules = (paths: string): RegExp => new RegExp(`/src/(${paths})\\.ts$`);

/**
 * The package has no dependencies but optional ones (peerDependencies): every other package is bundled, so that an
 * installation has only what is used.
 *
 * `#platform` stays an import: package.json resolves it, to the Node or the browser half, wherever the library is used.
 */
export default defineConfig({
  entry: {
    index: "src/index.ts",
    webgpu: "src/webgpu.ts",
    pipeline: "src/pipeline.ts",
    tokenizer: "src/tokenizer.ts",
    "verify/index": "src/verify/index.ts",
    "verify/html": "src/verify/html/page.ts",
    "export/index": "src/export/export-onnx.ts",
    "trace/index": "src/engines/webgpu/trace/index.ts",
    "platform/node": "src/platform/node.ts",
    "platform/browser": "src/platform/browser.ts",
    "platform/node/find-model": "src/platform/node/find-model.ts",
    "platform/browser/find-model": "src/platform/browser/find-model.ts",
    "cli/main": "src/cli/main.ts",
    // In the folder of ONNX Runtime's .wasm file, which it looks for beside itself.
    "onnxruntime/node": "onnxruntime-web",
  },
  external: ["#platform", "#find-model"],
  // What is bundled is listed in THIRD_PARTY_LICENSES.
  inlineOnly: false,
  plugins: [onnxRuntimeFiles(), withoutCanvas, requireAsImport, thirdPartyLicenses()],
  format: "esm",
  // Neither half's: for Node, a chunk that browsers load too would import createRequire.
  platform: "neutral",
  target: "es2023",
  fixedExtension: false,
  dts: true,
  // The declarations name Symbol.asyncDispose, which is in no library a project has by default.
  banner: { dts: '/// <reference lib="esnext.disposable" />' },
  // That generating declarations takes a while is no news.
  inputOptions: {
    checks: { pluginTimings: false },
    resolve: { conditionNames: ["node", "import"], mainFields: ["module", "main"] },
  },
  // What is imported together is one file: a start takes 20 ms less than from 43 small ones, and a page downloads less.
  // Each has what its modules import; what imports `#platform` or `#find-model`, which import `core`, cannot be in it.
  outputOptions: {
    codeSplitting: {
      groups: [
        {
          name: "base",
          test: modules("errors|format/displayable|checkpoint/(memory|http)-files|platform/model-location"),
        },
        {
          name: "core",
          test: modules("answerer|architectures/(checkpoint|index)|platform/platform|engines/sequence-runner"),
        },
        { name: "program", test: modules("rewrites/assume-unmasked|program/(bind|patterns|attention-pattern)") },
        { name: "interpreter", test: modules("engines/reference/interpret") },
        { name: "webgpu", test: modules("engines/webgpu/webgpu-engine") },
        { name: "onnx", test: modules("engines/onnx/onnx-engine|platform/wasm-engine") },
        { name: "node", test: modules("platform/(dawn|node/cpu-engine)|checkpoint/node/folder-files") },
      ],
    },
  },
  clean: true,
});
