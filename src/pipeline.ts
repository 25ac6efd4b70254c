/**
 * `fusebert/pipeline`: `pipeline("question-answering", model)` as users of transformers.js write it. It returns what they
 * get, with the place of each answer besides. docs/pipeline.md lists the differences.
 *
 * @example
 * ```ts
 * import { pipeline } from "fusebert/pipeline";
 *
 * const answerer = await pipeline("question-answering");
 * const output = await answerer("Who wrote it?", "It was written by Mary Shelley.");
 * // { answer: "Mary Shelley", score: 0.98…, start: 18, end: 30 }
 * ```
 */
import type { Answer, AnswerResult } from "./answer/answer-collector.ts";
import { type AnswerOptions, answerOptionNames } from "./answer/options.ts";
import { checkChoice, checkFunction, checkOptions, describeArgument } from "./arguments.ts";
import type { DownloadProgress, ModelFiles } from "./checkpoint/files.ts";
import { InputError } from "./errors.ts";
import { builtInModel } from "./platform/model-location.ts";
import { type Device, devices } from "./platform/platform.ts";
import { QuestionAnswerer } from "./question-answerer.ts";

export interface QuestionAnsweringOutput {
  readonly answer: string;
  /** The probability of the answer. */
  readonly score: number;
  /** Where it begins in the context, in UTF-16 code units: `context.slice(start, end)` is the answer. */
  readonly start: number;
  /** Where it ends, exclusive. */
  readonly end: number;
}

/** `top_k` as in transformers.js, and the options of `QuestionAnswerer.answer` under their own names. */
export interface QuestionAnsweringOptions extends Omit<AnswerOptions, "topK"> {
  /** The most answers to a question; above 1 each question has a list. Default 1. */
  readonly top_k?: number;
}

type IsList<O> = O extends { readonly top_k: infer K } ? (1 extends K ? false : true) : false;
type OutputOf<O> = IsList<O> extends true ? QuestionAnsweringOutput[] : QuestionAnsweringOutput;
type Outputs<Q, O> = Q extends readonly string[] ? OutputOf<O>[] : OutputOf<O>;

/** A question and its text, or as many questions as texts. */
export interface QuestionAnsweringPipeline extends AsyncDisposable {
  <Q extends string | readonly string[], const O extends QuestionAnsweringOptions = Record<never, never>>(
    question: Q,
    context: Q,
    options?: O,
  ): Promise<Outputs<Q, O>>;
  readonly task: "question-answering";
  /** What computes: adapter, precision and level of a GPU, or the CPU's engine. */
  readonly computedBy: string;
  /** Releases the model's memory. */
  dispose(): Promise<void>;
}

/** What is told while a model is loaded, as transformers.js tells it. */
export type ProgressInfo =
  | {
      readonly status: "progress";
      readonly name: string;
      readonly file: string;
      readonly loaded: number;
      /** In bytes; absent if the server does not say. */
      readonly total?: number;
      /** In percent; absent without a total. */
      readonly progress?: number;
    }
  | { readonly status: "ready"; readonly task: "question-answering"; readonly model: string };

export interface PipelineOptions {
  /** Default `auto`; `gpu` is `webgpu`. */
  readonly device?: Device | "gpu";
  /** `fp16` on a GPU alone. Default: `fp32` on a CPU, on a GPU the best it has. */
  readonly dtype?: "auto" | "fp32" | "fp16";
  /** For a model on the Hugging Face hub: a branch, tag or commit. Default `main`. */
  readonly revision?: string;
  readonly progress_callback?: (info: ProgressInfo) => void;
}

const dtypes = ["auto", "fp32", "fp16"] as const;

/**
 * Loads a model that answers questions.
 * @param model a folder (Node), a URL of a folder, a Hugging Face id, or files; default: the built-in model.
 * @throws InputError for another task or option, CheckpointError, DownloadError or EngineError.
 */
export async function pipeline(
  task: "question-answering",
  model?: string | ModelFiles | null,
  options: PipelineOptions = {},
): Promise<QuestionAnsweringPipeline> {
  if (task !== "question-answering") {
    throw new InputError({ found: `the task is ${describeArgument(task)}`, expected: '"question-answering"' });
  }
  checkOptions(options, ["device", "dtype", "revision", "progress_callback"]);
  const { device = "auto", dtype = "auto", revision, progress_callback: tell } = options;
  checkChoice("device", device, [...devices, "gpu"]);
  checkChoice("dtype", dtype, dtypes);
  checkFunction("progress_callback", tell);
  const name = typeof model === "string" ? model : (model?.name ?? builtInModel);
  const answerer = await QuestionAnswerer.load(model ?? undefined, {
    ...engineOptions(device, dtype),
    ...(revision !== undefined && { revision }),
    ...(tell && { onProgress: (progress) => tell(progressInfo(name, progress)) }),
  });
  tell?.({ status: "ready", task, model: answerer.model });
  return pipelineOf(answerer);
}

function engineOptions(device: Device | "gpu", dtype: (typeof dtypes)[number]) {
  const own = device === "gpu" ? "webgpu" : device;
  if (own === "webgpu") {
    const precisions = { auto: "auto", fp32: "f32", fp16: "f16" } as const;
    return { device: own, gpu: { precision: precisions[dtype] } } as const;
  }
  if (dtype !== "fp16") return { device: own };
  throw new InputError({
    found: `dtype is "fp16" on the device ${own}`,
    expected: "fp32 there, or the device webgpu",
  });
}

function progressInfo(name: string, { file, loaded, total }: DownloadProgress): ProgressInfo {
  const known = total !== undefined && total > 0 ? { total, progress: (100 * loaded) / total } : {};
  return { status: "progress", name, file, loaded, ...known };
}

const optionNames = ["top_k", ...answerOptionNames.filter((name) => name !== "topK")];

function pipelineOf(answerer: QuestionAnswerer): QuestionAnsweringPipeline {
  const answer = async (
    question: string | readonly string[],
    context: string | readonly string[],
    options: QuestionAnsweringOptions = {},
  ) => {
    checkOptions(options, optionNames);
    const { top_k = 1, ...others } = options;
    const rows = rowsOf(question, context);
    const results = await answerer.answer(rows, { ...others, topK: top_k });
    const outputs = results.map((result) => (top_k === 1 ? bestOf(result) : result.answers.map(outputOf)));
    return typeof question === "string" ? outputs[0] : outputs;
  };
  const properties = {
    task: "question-answering",
    computedBy: answerer.computedBy,
    dispose: () => answerer.dispose(),
    [Symbol.asyncDispose]: () => answerer.dispose(),
  } as const;
  // The overloads of the type say what the function returns for which arguments.
  return Object.assign(answer, properties) as unknown as QuestionAnsweringPipeline;
}

/** @throws InputError unless both are strings, or lists of one length. */
function rowsOf(question: string | readonly string[], context: string | readonly string[]) {
  if (typeof question === "string" && typeof context === "string") return [{ question, context }];
  if (Array.isArray(question) && Array.isArray(context) && question.length === context.length) {
    return question.map((each: string, index) => ({ question: each, context: context[index] as string }));
  }
  throw new InputError({
    found: `the question is ${describeList(question)}, the context ${describeList(context)}`,
    expected: "two strings, or two lists of one length",
  });
}

const describeList = (value: unknown): string =>
  Array.isArray(value) ? `a list of ${value.length}` : describeArgument(value);

const outputOf = ({ text, score, start, end }: Answer): QuestionAnsweringOutput => ({
  answer: text,
  score,
  start,
  end,
});

/** With `handleImpossibleAnswer` a text may have no answer: the empty one, as in Python. */
const bestOf = ({ answers: [best], noAnswerScore }: AnswerResult): QuestionAnsweringOutput =>
  best === undefined ? { answer: "", score: noAnswerScore, start: 0, end: 0 } : outputOf(best);
