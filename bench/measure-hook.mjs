/**
 * Loaded into a measured process with `--import`: on exit, reports its peak memory and the time spent in ONNX Runtime as JSON
 * on file descriptor 3.
 */
import { writeSync } from "node:fs";
import { createRequire } from "node:module";

// onnxruntime-node is CommonJS: it uses this class, which an import would duplicate.
const { InferenceSession } = createRequire(import.meta.url)("onnxruntime-common");

let runMs = 0;
const { run } = InferenceSession.prototype;
InferenceSession.prototype.run = async function measuredRun(...args) {
  const started = performance.now();
  try {
    return await run.apply(this, args);
  } finally {
    runMs += performance.now() - started;
  }
};

process.on("exit", () => {
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  writeSync(3, JSON.stringify({ peakBytes, runMs }));
});
