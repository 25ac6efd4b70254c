/** onnxruntime-node with its best options, by hand-written code. */
import ort from "onnxruntime-node";
import { loadByHand } from "./by-hand.mjs";

export const load = (folder) =>
  loadByHand(
    folder,
    ort,
    (path) => ort.InferenceSession.create(path, { graphOptimizationLevel: "all" }),
    `onnxruntime-node ${ort.env.versions.node}`,
  );
