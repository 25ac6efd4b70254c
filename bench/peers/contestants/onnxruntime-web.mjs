/** onnxruntime-web in Node, as WebAssembly with threads, by hand-written code. */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import ort from "onnxruntime-web";
import { loadByHand } from "./by-hand.mjs";

ort.env.wasm.numThreads = Math.min(4, availableParallelism());

export const load = (folder) =>
  loadByHand(
    folder,
    ort,
    async (path) => ort.InferenceSession.create(await readFile(path), { graphOptimizationLevel: "all" }),
    `onnxruntime-web ${ort.env.versions.web}, WebAssembly`,
  );
