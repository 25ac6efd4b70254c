/**
 * `fusebert/webgpu`: question answering on the GPU alone, for pages, workers, service workers and extensions. Neither ONNX
 * Runtime nor any WebAssembly is in it, so a page needs no `wasm-unsafe-eval` in its policy. It computes with
 * `navigator.gpu`.
 *
 * @example
 * ```ts
 * import { QuestionAnswerer } from "fusebert/webgpu";
 *
 * const answerer = await QuestionAnswerer.load("/models/builtin/");
 * const { answers } = await answerer.answer({ question: "Who wrote it?", context: "It was written by Mary Shelley." });
 * ```
 */
import { Answerer } from "./answerer.ts";
import type { ModelFiles } from "./checkpoint/files.ts";
import { LoadedModel, type LoadOptions } from "./loaded-model.ts";
import { gpuOnly } from "./platform/gpu-only.ts";

export type { Answer, AnswerResult } from "./answer/answer-collector.ts";
export type { OffsetUnit } from "./answer/code-points.ts";
export type { AnswerOptions, Overlap, Scoring, TruncatedSide } from "./answer/options.ts";
export type { AnswerCallOptions, AnswerProgress } from "./answer-call.ts";
export type { ByteSource, DownloadProgress, ModelFiles, OpenOptions } from "./checkpoint/files.ts";
export { MemoryFiles } from "./checkpoint/memory-files.ts";
export { CheckpointError, DownloadError, EngineError, FusebertError, InputError } from "./errors.ts";
export type { AnswerFailure, Question, StreamedAnswer } from "./questions.ts";

/** `LoadOptions` without what chooses and sets other engines. */
export type GpuLoadOptions = Omit<LoadOptions, "device" | "threads" | "wasmPaths">;

export class QuestionAnswerer extends Answerer {
  /**
   * Loads a model onto the GPU.
   * @param model a URL of a folder with the model's files, a Hugging Face id, or files.
   * @throws InputError, CheckpointError or DownloadError; EngineError where there is no WebGPU.
   */
  static async load(model: string | ModelFiles, options: GpuLoadOptions = {}): Promise<QuestionAnswerer> {
    return new QuestionAnswerer(await LoadedModel.load(gpuOnly, model, { device: "webgpu", ...options }));
  }
}
