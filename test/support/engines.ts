/**
 * Every engine that runs without special hardware: the behavioural suites run on each of them.
 */
import * as onnxruntime from "onnxruntime-node";
import * as onnxruntimeWasm from "onnxruntime-web";
import type { Engine } from "../../src/engines/engine.ts";
import { OnnxEngine } from "../../src/engines/onnx/onnx-engine.ts";
import { ReferenceEngine } from "../../src/engines/reference/reference-engine.ts";
import type { GpuPrecision } from "../../src/engines/webgpu/device/precision.ts";
import { WebGpuEngine } from "../../src/engines/webgpu/webgpu-engine.ts";
import { loadDawn } from "../../src/platform/dawn.ts";
import { bestLevel, type Level, levels } from "../../src/schedule/levels.ts";
import { softwareGpuMissing } from "./software-gpu.ts";

export interface EngineUnderTest {
  readonly name: string;
  readonly engine: Engine;
  /** The largest error allowed, relative to a stage's largest magnitude: the engine's precision. */
  readonly tolerance: number;
  /** The largest error allowed of a logit of the built-in model. */
  readonly logitTolerance: number;
  /** Too slow for models of a real size. */
  readonly isSlow?: boolean;
}

export const enginesUnderTest: readonly EngineUnderTest[] = [
  { name: "reference", engine: new ReferenceEngine(), tolerance: 1e-6, logitTolerance: 1e-4 },
  {
    name: "onnx",
    engine: new OnnxEngine(onnxruntime, { executionProvider: "cpu" }),
    tolerance: 1e-5,
    logitTolerance: 1e-4,
  },
  {
    name: "onnx as WebAssembly",
    engine: new OnnxEngine(onnxruntimeWasm, { executionProvider: "wasm" }),
    tolerance: 1e-5,
    logitTolerance: 1e-4,
  },
  ...(softwareGpuMissing === undefined ? await gpuEngines() : []),
];

async function gpuEngines(): Promise<EngineUnderTest[]> {
  const gpu = await loadDawn();
  const engineAt = (level: Level, precision: GpuPrecision, tolerance: number): EngineUnderTest => ({
    name: `webgpu ${level} ${precision}`,
    engine: new WebGpuEngine(gpu, { level, precision, skipSelfTest: true }),
    tolerance,
    logitTolerance: precision === "f32" ? 1e-4 : 0.05,
    // The software GPU takes seconds for it.
    isSlow: level !== bestLevel || precision !== "f32",
  });
  // O4 has the kernels of O2 (fusions.slow.test.ts): compiling them twice would prove nothing.
  const different = levels.filter((level) => level !== "O2");
  // Weights rounded to float16 alone make 1e-3 of it.
  return [...different.map((level) => engineAt(level, "f32", 1e-5)), engineAt(bestLevel, "f16-storage", 5e-3)];
}
