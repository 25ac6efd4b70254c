/**
 * Loaded into a measured process with `--import`: when it exits, tells its peak memory and the time ONNX Runtime itself
 * computed, as JSON on file descriptor 3.
 */
import { writeSync } from "node:fs";
import { createRequire } from "node:module";

// onnxruntime-node is CommonJS: this is the class it uses, which an import would not be.
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
