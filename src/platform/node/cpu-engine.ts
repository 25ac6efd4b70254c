/**
 * ONNX Runtime in Node: native code, if the optional package `onnxruntime-node` is installed, else the WebAssembly that
 * is in this package.
 */
import { availableParallelism } from "node:os";
import type { Engine } from "../../engines/engine.ts";
import { OnnxEngine } from "../../engines/onnx/onnx-engine.ts";
import { EngineError } from "../../errors.ts";
import type { EngineOptions } from "../platform.ts";
import { wasmEngine } from "../wasm-engine.ts";
import { importOptional, installCommand } from "./optional-package.ts";

/** How much faster native code is (bench/results/2026-11-28-native-wasm.md). */
const nativeSpeedup = "2 to 4 times";

/** Each is a worker that has to be started: a bound for machines of many processors. */
const maxDefaultThreads = 8;

/** For the device `auto`: says how to get the faster engine where it is not installed. */
export async function createFastestCpuEngine(options: EngineOptions): Promise<Engine> {
  const hint = `ONNX Runtime computes as WebAssembly; ${installCommand("onnxruntime-node")} makes it ${nativeSpeedup} as fast`;
  return (await createNativeEngine(options)) ?? createNodeWasmEngine(options, [hint]);
}

/** For the device `cpu`: the same, without the hint. */
export async function createCpuEngine(options: EngineOptions): Promise<Engine> {
  return (await createNativeEngine(options)) ?? createNodeWasmEngine(options);
}

/** For the device `wasm`. */
export async function createNodeWasmEngine(options: EngineOptions, warnings: readonly string[] = []): Promise<Engine> {
  const runtime = await import("onnxruntime-web");
  const defaultThreads = Math.min(maxDefaultThreads, availableParallelism());
  return wasmEngine(runtime, { ...options, defaultThreads, warnings });
}

/** @returns undefined if it is not installed; where it cannot be loaded, WebAssembly with a warning. */
async function createNativeEngine(options: EngineOptions): Promise<Engine | undefined> {
  const { threads } = options;
  try {
    const runtime = await importOptional("onnxruntime-node", () => import("onnxruntime-node"), "");
    if (runtime === undefined) return undefined;
    runtime.env.logLevel = "error";
    return new OnnxEngine(runtime, { executionProvider: "cpu", ...(threads && { threads }) });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return createNodeWasmEngine(options, [`${error.found}; ONNX Runtime computes as WebAssembly instead`]);
  }
}
