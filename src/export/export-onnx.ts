/**
 * `import { exportOnnx } from "fusebert/export"`: exports a model as ONNX, with tokenizer and configuration.
 *
 * Names and layout are those that transformers.js and Optimum expect; docs/export.md describes the contents.
 *
 * Must stay true: tokenizer and configuration are byte-for-byte copies of the checkpoint's; a model that does not fit
 * into one ONNX file is rejected before a weight is read.
 */

import { openCheckpoint } from "../architectures/checkpoint.ts";
import { type ModelConfig, questionAnsweringProgram } from "../architectures/index.ts";
import { checkChoice, checkOptions } from "../arguments.ts";
import type { ModelFiles, OpenOptions } from "../checkpoint/files.ts";
import { openWhole } from "../checkpoint/text-file.ts";
import { encodeOnnx, estimateOnnxSize } from "../engines/onnx/encode.ts";
import type { OnnxGraph } from "../engines/onnx/graph.ts";
import { toHalfPrecision } from "../engines/onnx/half-precision.ts";
import { lowerToOnnx } from "../engines/onnx/lower.ts";
import { portableDialect } from "../engines/onnx/portable.ts";
import { InputError } from "../errors.ts";
import { modelFiles } from "../platform/model-files.ts";
import { selectOutputs } from "../program/program.ts";
import { shareEqual } from "../rewrites/share-equal.ts";

/** `f16`: float16 weights and matmuls; LayerNorm, softmax and the sums before them in float32. */
export type ExportPrecision = "f32" | "f16";

export const exportPrecisions: readonly ExportPrecision[] = ["f32", "f16"];

export interface ExportProgress {
  readonly phase: "download" | "encode";
  /** The file being downloaded or encoded. */
  readonly file: string;
  /** Bytes of a download, or encoded weights. */
  readonly done: number;
  readonly total: number | undefined;
}

export interface ExportOptions {
  /** Default `f32`. */
  readonly precision?: ExportPrecision;
  /** For a model on the Hugging Face hub: a branch, tag or commit. Default `main`. */
  readonly revision?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ExportProgress) => void;
}

export interface OnnxExport {
  /** The model's id, folder or URL; `built-in` for the one in the package. */
  readonly model: string;
  readonly precision: ExportPrecision;
  /** Version of the ONNX operator set. */
  readonly opset: number;
  /** By path in the folder, the model first. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Ignored or suspicious contents of the model's files, as sentences without the full stop. */
  readonly warnings: readonly string[];
}

/** Where transformers.js looks for its dtypes `fp32` and `fp16`. */
const modelPaths: Readonly<Record<ExportPrecision, string>> = {
  f32: "onnx/model.onnx",
  f16: "onnx/model_fp16.onnx",
};

/** Checkpoint files that are copied, if present. */
const companions = [
  "config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "sentencepiece.bpe.model",
  "spiece.model",
  "spm.model",
] as const;

/** The length of a protocol buffer is a signed 32-bit integer. */
const maxOnnxBytes = 2 ** 31 - 1;

/**
 * @param model a folder (Node), a URL of a folder, a Hugging Face id, or files; default: the built-in model.
 * @throws InputError for a wrong argument or a model too large for one ONNX file, CheckpointError, DownloadError.
 * @example
 * ```ts
 * const { files } = await exportOnnx("deepset/bert-base-cased-squad2", { precision: "f16" });
 * files.get("onnx/model_fp16.onnx");
 * ```
 */
export async function exportOnnx(model?: string | ModelFiles, options: ExportOptions = {}): Promise<OnnxExport> {
  checkOptions(options, ["precision", "revision", "signal", "onProgress"]);
  const { precision = "f32", revision, signal, onProgress } = options;
  checkChoice("precision", precision, exportPrecisions);
  const path = modelPaths[precision];
  signal?.throwIfAborted();
  const source = await modelFiles(model, revision);
  const opening: OpenOptions = {
    ...(signal && { signal }),
    onProgress: ({ file, loaded, total }) => onProgress?.({ phase: "download", file, done: loaded, total }),
  };
  const checkpoint = await openCheckpoint(source, opening);
  try {
    const graph = exportedGraph(checkpoint.config, precision);
    checkSize(graph, checkpoint.name, precision);
    const bytes = await encodeOnnx(graph, (name) => checkpoint.weights.read(name), {
      ...(signal && { signal }),
      onProgress: (done, total) => onProgress?.({ phase: "encode", file: path, done, total }),
    });
    const files = new Map([[path, bytes], ...(await readCompanions(source, opening))]);
    return { model: checkpoint.name, precision, opset: graph.opset, files, warnings: checkpoint.warnings };
  } finally {
    await checkpoint.close();
  }
}

function exportedGraph(config: ModelConfig, precision: ExportPrecision): OnnxGraph {
  const program = selectOutputs(questionAnsweringProgram(config), ["start_logits", "end_logits"]);
  const graph = lowerToOnnx(shareEqual(program), portableDialect(config));
  return precision === "f16" ? toHalfPrecision(graph) : graph;
}

function checkSize(graph: OnnxGraph, model: string, precision: ExportPrecision): void {
  const bytes = estimateOnnxSize(graph);
  if (bytes <= maxOnnxBytes) return;
  throw new InputError({
    found: `${model} would be an ONNX file of ${(bytes / 1e9).toFixed(1)} GB`,
    expected: "at most 2.1 GB, the limit of the format",
    ...(precision === "f32" && { advice: "With precision f16 it takes half of that." }),
  });
}

async function readCompanions(source: ModelFiles, options: OpenOptions): Promise<[string, Uint8Array][]> {
  const found: [string, Uint8Array][] = [];
  for (const path of companions) {
    const file = await openWhole(source, path, options);
    if (file === undefined) continue;
    try {
      found.push([path, await file.read(0, file.size)]);
    } finally {
      await file.close();
    }
  }
  return found;
}
