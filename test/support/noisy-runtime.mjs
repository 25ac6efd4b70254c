/**
 * Loaded with `--import`: makes ONNX Runtime print, as libraries sometimes do, whenever it computes.
 */
import { createRequire } from "node:module";

const { InferenceSession } = createRequire(import.meta.url)("onnxruntime-common");
const { run } = InferenceSession.prototype;
InferenceSession.prototype.run = function noisyRun(...args) {
  console.log("noise");
  console.info("noise");
  return run.apply(this, args);
};
