/**
 * ONNX Runtime as WebAssembly, in Node and in browsers.
 *
 * Its settings are global: they are read when the first session is created, and all models of a process or page share
 * one pool of threads.
 */
import type { Engine } from "../engines/engine.ts";
import { OnnxEngine } from "../engines/onnx/onnx-engine.ts";
import type { EngineOptions } from "./platform.ts";

type WasmRuntime = typeof import("onnxruntime-web");

export interface WasmEngineOptions extends EngineOptions {
  /** Absent: ONNX Runtime's choice. */
  readonly defaultThreads?: number;
  /** What the user should know of how the engine was chosen. */
  readonly warnings?: readonly string[];
}

/** How many threads the pool has; `the default` is ONNX Runtime's choice. */
let pool: number | "the default" | undefined;

export function wasmEngine(runtime: WasmRuntime, options: WasmEngineOptions): Engine {
  const { threads, defaultThreads, wasmPaths, warnings = [] } = options;
  const { env } = runtime;
  env.logLevel = "error";
  if (wasmPaths !== undefined) env.wasm.wasmPaths = wasmPaths;
  if (pool === undefined) {
    const count = threads ?? defaultThreads;
    if (count !== undefined) env.wasm.numThreads = count;
    pool = count ?? "the default";
  }
  const isIgnored = threads !== undefined && threads !== pool;
  return new OnnxEngine(runtime, {
    executionProvider: "wasm",
    warnings: isIgnored ? [...warnings, threadsIgnored(threads, pool)] : warnings,
  });
}

const threadsIgnored = (threads: number, pool: number | string): string =>
  `threads is ${threads}, which is ignored: all models on WebAssembly share the threads of the first, ${pool}`;
