/**
 * Platform of a browser or worker: models from URLs, the hub and memory; ONNX Runtime as WebAssembly.
 *
 * Must stay true: nothing imported from here needs Node, and an engine is downloaded when it is used.
 */
import type { ModelFiles } from "../checkpoint/files.ts";
import { HttpFiles } from "../checkpoint/http-files.ts";
import { hubBaseUrl } from "../checkpoint/hub/hub-url.ts";
import type { Engine } from "../engines/engine.ts";
import { EngineError, InputError } from "../errors.ts";
import {
  builtInModel,
  createReferenceEngine,
  type EngineOptions,
  engineCreator,
  type ModelLocation,
  type Platform,
} from "./platform.ts";
import { wasmEngine } from "./wasm-engine.ts";

export const platform: Platform = {
  async findModel({ model, revision }: ModelLocation): Promise<ModelFiles> {
    if (model === undefined || model === builtInModel) {
      throw new InputError({
        found: "no model is named",
        expected: "in a browser, the URL of a folder with a model's files, or the id of a model on the hub",
        advice: "The built-in model is in the package under models/builtin: serve that folder and give its URL.",
      });
    }
    if (isUrl(model)) return new HttpFiles(model);
    const files = new HttpFiles(hubBaseUrl({ repo: model, revision }));
    return { name: model, open: (path, options) => files.open(path, options) };
  },

  createEngine: engineCreator({
    auto: createWasmEngine,
    cpu: createWasmEngine,
    wasm: createWasmEngine,
    webgpu: createGpuEngine,
    reference: createReferenceEngine,
  }),

  processors: () => globalThis.navigator.hardwareConcurrency,
};

async function createGpuEngine({ gpu }: EngineOptions): Promise<Engine> {
  const { WebGpuEngine } = await import("../engines/webgpu/webgpu-engine.ts");
  return new WebGpuEngine(browserGpu(), { precision: "auto", ...gpu });
}

async function createWasmEngine(options: EngineOptions): Promise<Engine> {
  return explained(wasmEngine(await import("onnxruntime-web/wasm"), options));
}

function browserGpu(): GPU {
  const { gpu } = globalThis.navigator as { readonly gpu?: GPU };
  if (gpu !== undefined) return gpu;
  throw new EngineError({
    found: "this browser, or this page, has no WebGPU",
    expected: "navigator.gpu: a recent browser, and a page served by https or from localhost",
    advice: "Use the device cpu instead.",
  });
}

/** Explains what to do when the first session cannot load ONNX Runtime's files. */
function explained(engine: Engine): Engine {
  return {
    name: engine.name,
    warnings: engine.warnings ?? [],
    compile: (program, readParameter, options) =>
      engine.compile(program, readParameter, options).catch((error: unknown) => {
        throw runtimeMissing(error) ?? error;
      }),
  };
}

function runtimeMissing(error: unknown): EngineError | undefined {
  const reason =
    error instanceof EngineError ? /no available backend found\. ERR: (.*)/.exec(error.found)?.[1] : undefined;
  if (reason === undefined) return undefined;
  return new EngineError({
    found: `ONNX Runtime's WebAssembly cannot be loaded: ${reason.replace(/\.+$/, "")}`,
    expected: "its .wasm file where the bundler or wasmPaths puts it",
    // ONNX Runtime tries only once per page load.
    advice:
      "For Vite's development server set optimizeDeps.exclude to ['fusebert']; elsewhere serve the folder " +
      "fusebert/dist/onnxruntime and give its URL as wasmPaths. Then reload the page.",
    cause: error,
  });
}

/** Absolute, or relative to the page (`./model/`, `/model/`); everything else is a hub id. */
const isUrl = (model: string): boolean => /^(https?:|blob:|\.{0,2}\/)/i.test(model);
