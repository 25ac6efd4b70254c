/**
 * Platform of a browser or worker: WebGPU, and ONNX Runtime as WebAssembly.
 *
 * Must stay true: nothing imported from here needs Node, and an engine is downloaded when it is used.
 */
import type { Engine } from "../engines/engine.ts";
import { EngineError } from "../errors.ts";
import { findGpu } from "./browser/gpu.ts";
import { createReferenceEngine, type EngineOptions, engineCreator, type Platform } from "./platform.ts";

export const platform: Platform = {
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
  return new WebGpuEngine(findGpu("Use the device cpu instead."), { precision: "auto", ...gpu });
}

async function createWasmEngine(options: EngineOptions): Promise<Engine> {
  const [{ wasmEngine }, runtime] = await Promise.all([import("./wasm-engine.ts"), import("onnxruntime-web/wasm")]);
  return explained(wasmEngine(runtime, options));
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
