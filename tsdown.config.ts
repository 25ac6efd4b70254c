import { defineConfig } from "tsdown";

/**
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
  },
  external: ["#platform"],
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
