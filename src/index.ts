/**
 * fusebert: extractive question answering with BERT and the families after it.
 *
 * @example
 * ```ts
 * import { QuestionAnswerer } from "fusebert";
 *
 * const answerer = await QuestionAnswerer.load();
 * const { answers } = await answerer.answer({ question: "Who wrote it?", context: "It was written by Mary Shelley." });
 * console.log(answers[0]); // { text: "Mary Shelley", score: 0.98…, start: 18, end: 30 }
 * await answerer.dispose();
 * ```
 */
export type { Answer, AnswerResult } from "./answer/answer-collector.ts";
export type { OffsetUnit } from "./answer/code-points.ts";
export type { AnswerOptions, Overlap, Scoring, TruncatedSide } from "./answer/options.ts";
export type { AnswerCallOptions, AnswerProgress } from "./answer-call.ts";
export type { ByteSource, DownloadProgress, ModelFiles, OpenOptions } from "./checkpoint/files.ts";
export { MemoryFiles } from "./checkpoint/memory-files.ts";
export type { TunedTiles } from "./engines/webgpu/plan/tuned-tiles.ts";
export {
  CheckpointError,
  DownloadError,
  EngineError,
  FusebertError,
  InputError,
  WriteError,
} from "./errors.ts";
export type { LoadOptions } from "./loaded-model.ts";
export type { Device } from "./platform/platform.ts";
export { QuestionAnswerer } from "./question-answerer.ts";
export type { AnswerFailure, Question, StreamedAnswer } from "./questions.ts";
