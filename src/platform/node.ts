/**
 * Platform of Node: ONNX Runtime as native code or WebAssembly, WebGPU by Dawn.
 *
 * Must stay true: the library reaches Node's modules only through this file and `node/find-model.ts`; engines, which take
 * longest to load, are imported on first use.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { OnTrace } from "../engines/webgpu/run/run-recording.ts";
import type { DebugLevel } from "../engines/webgpu/trace/debug-report.ts";
import type { WebGpuEngine } from "../engines/webgpu/webgpu-engine.ts";
import { InputError } from "../errors.ts";
import { loadDawn } from "./dawn.ts";
import { createCpuEngine, createFastestCpuEngine, createNodeWasmEngine } from "./node/cpu-engine.ts";
import { createReferenceEngine, engineCreator, type GpuEngineOptions, type Platform } from "./platform.ts";

export const platform: Platform = {
  createEngine: engineCreator({
    auto: createFastestCpuEngine,
    cpu: createCpuEngine,
    wasm: createNodeWasmEngine,
    webgpu: ({ gpu }) => createGpuEngine(gpu),
    reference: createReferenceEngine,
  }),

  processors: availableParallelism,
};

/** @throws EngineError if WebGPU cannot be loaded. */
export async function createGpuEngine({
  debugFolder,
  trustedKernels,
  ...options
}: GpuEngineOptions = {}): Promise<WebGpuEngine> {
  const { WebGpuEngine } = await import("../engines/webgpu/webgpu-engine.ts");
  const { cachedTiles } = await import("../engines/webgpu/tune/node/tile-cache.ts");
  const onTrace = await withDebugReport(options.onTrace);
  const gpu = await loadDawn({ trusted: trustedKernels === true });
  return new WebGpuEngine(gpu, {
    precision: "auto",
    loadTiles: cachedTiles,
    ...options,
    ...(onTrace !== undefined && { onTrace }),
    ...(debugFolder !== undefined && { saveSource: (label, code) => saveSource(debugFolder, label, code) }),
  });
}

/**
 * Adds the debug report that FUSEBERT_DEBUG requests (docs/debugging.md) to `onTrace`.
 * @throws InputError for an unknown value of FUSEBERT_DEBUG.
 */
async function withDebugReport(onTrace: OnTrace | undefined): Promise<OnTrace | undefined> {
  const level = process.env["FUSEBERT_DEBUG"]?.trim() ?? "";
  if (level === "" || level === "0") return onTrace;
  if (!/^[1-4]$/.test(level)) {
    throw new InputError({ found: `FUSEBERT_DEBUG is ${JSON.stringify(level)}`, expected: "1, 2, 3 or 4" });
  }
  const { DebugReport } = await import("../engines/webgpu/trace/debug-report.ts");
  const report = new DebugReport(Number(level) as DebugLevel, (text) => void process.stderr.write(text));
  return (run) => {
    report.onTrace(run);
    onTrace?.(run);
  };
}

/** @returns the path of the file. */
async function saveSource(folder: string, label: string, code: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${label.replace(/[^\w.-]+/g, "-")}.wgsl`);
  await writeFile(path, code);
  return path;
}
