/**
 * Every engine that runs without special hardware: the behavioural suites run on each of them.
 */
import * as onnxruntime from "onnxruntime-node";
import type { Engine } from "../../src/engines/engine.ts";
import { OnnxEngine } from "../../src/engines/onnx/onnx-engine.ts";
import { ReferenceEngine } from "../../src/engines/reference/reference-engine.ts";

export interface EngineUnderTest {
  readonly name: string;
  readonly engine: Engine;
  /** The largest error allowed, relative to a stage's largest magnitude: the engine's precision. */
  readonly tolerance: number;
}

export const enginesUnderTest: readonly EngineUnderTest[] = [
  { name: "reference", engine: new ReferenceEngine(), tolerance: 1e-6 },
  { name: "onnx", engine: new OnnxEngine(onnxruntime, { executionProvider: "cpu" }), tolerance: 1e-5 },
];
