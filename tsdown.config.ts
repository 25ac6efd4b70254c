import { defineConfig } from "tsdown";
import { thirdPartyLicenses } from "./tools/build/licenses.ts";
import { onnxRuntimeFiles } from "./tools/build/onnxruntime.ts";

/**
 * The package has no dependencies but optional ones (peerDependencies): every other package is bundled, so that an
 * installation has only what is used.
 *
 * `#platform` stays an import: package.json resolves it, to the Node or the browser half, wherever the library is used.
 */
export default defineConfig({
  entry: {
    index: "src/index.ts",
    tokenizer: "src/tokenizer.ts",
    "verify/index": "src/verify/index.ts",
    "verify/html": "src/verify/html/page.ts",
    "export/index": "src/export/export-onnx.ts",
    "trace/index": "src/engines/webgpu/trace/index.ts",
    "platform/node": "src/platform/node.ts",
    "platform/browser": "src/platform/browser.ts",
    "cli/main": "src/cli/main.ts",
    // In the folder of ONNX Runtime's .wasm file, which they look for beside themselves.
    "onnxruntime/node": "onnxruntime-web",
    "onnxruntime/web": "onnxruntime-web/wasm",
  },
  external: ["#platform"],
  // What is bundled is listed in THIRD_PARTY_LICENSES.
  inlineOnly: false,
  plugins: [onnxRuntimeFiles(), thirdPartyLicenses()],
  format: "esm",
  platform: "node",
  target: "es2023",
  fixedExtension: false,
  dts: true,
  // The declarations name Symbol.asyncDispose, which is in no library a project has by default.
  banner: { dts: '/// <reference lib="esnext.disposable" />' },
  // That generating declarations takes a while is no news.
  inputOptions: { checks: { pluginTimings: false } },
  clean: true,
});
