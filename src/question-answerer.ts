/**
 * The library's door: a loaded model that answers questions.
 *
 * It ties the rooms together: text into windows, windows through an engine, logits into answers. Windows are made when
 * they are due and forgotten when their answers are collected, so that a book costs no more memory than its tokens.
 *
 * Must stay true: concurrent calls queue instead of failing, an abort is heard between any two batches, and after
 * `dispose` nothing is held any more.
 */

import pLimit from "p-limit";
import { platform } from "#platform";
import { AnswerCollector, type AnswerResult } from "./answer/answer-collector.ts";
import { type AnswerOptions, type ResolvedAnswerOptions, resolveAnswerOptions } from "./answer/options.ts";
import { type Checkpoint, openCheckpoint } from "./checkpoint/checkpoint.ts";
import type { DownloadProgress, ModelFiles } from "./checkpoint/files.ts";
import type { Engine, Executable, ReadParameter } from "./engines/engine.ts";
import { runSequences, type SequenceRunOptions } from "./engines/sequence-runner.ts";
import { EngineError, InputError } from "./errors.ts";
import { assumeUnmasked } from "./passes/assume-unmasked.ts";
import { type Device, devices, type GpuEngineOptions } from "./platform/platform.ts";
import { bertForQuestionAnswering } from "./program/bert.ts";
import { type Program, selectOutputs } from "./program/program.ts";
import type { Encoding } from "./text/encoding.ts";
import type { BertTokenizer } from "./text/tokenizer.ts";
import { countWindows, makeWindows, type TextWindow } from "./text/windows.ts";

export interface LoadOptions {
  /** Default `auto`. */
  readonly device?: Device;
  /** For a model on the Hugging Face hub: a branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** Threads for the CPU engine. Default: ONNX Runtime's choice (in Node the physical cores, in a browser fewer). */
  readonly threads?: number;
  /** Browser only: the URL, ending in a slash, under which `onnxruntime-web`'s .wasm files are served. */
  readonly wasmPaths?: string;
  readonly signal?: AbortSignal;
  /** For the device `webgpu`: precision, level and the like. */
  readonly gpu?: GpuEngineOptions;
  /** Told while a model's files come from far away. */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

export interface Question {
  readonly question: string;
  /** The text that holds the answer, of any length. */
  readonly context: string;
}

/** `tokenize` counts UTF-16 code units of all contexts, `compute` counts windows. */
export interface AnswerProgress {
  readonly phase: "tokenize" | "compute";
  readonly done: number;
  readonly total: number;
}

export interface AnswerCallOptions extends AnswerOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: AnswerProgress) => void;
}

/** One question being answered. */
interface Task {
  readonly question: Encoding;
  readonly context: Encoding;
  readonly windows: number;
  readonly collector: AnswerCollector;
  readonly truncatedQuestion: string | undefined;
}

/** Windows looked at together, to find some of equal length that can share a batch. */
const lookahead = 32;

export class QuestionAnswerer {
  /** The model's id, folder or URL; `built-in` for the one in the package. */
  readonly model: string;
  /** The engine that computes: `cpu`, `webgpu` or `reference`. */
  readonly device: string;
  readonly #engine: Engine;
  readonly #checkpoint: Checkpoint;
  readonly #tokenizer: BertTokenizer;
  readonly #queue = pLimit(1);
  #executable: Executable | undefined;

  private constructor(checkpoint: Checkpoint, tokenizer: BertTokenizer, executable: Executable, engine: Engine) {
    this.model = checkpoint.name;
    this.device = engine.name;
    this.#engine = engine;
    this.#checkpoint = checkpoint;
    this.#tokenizer = tokenizer;
    this.#executable = executable;
  }

  /**
   * Loads a model and makes it ready to answer.
   * @param model the built-in model when absent; else a folder (Node), a URL of a folder, a Hugging Face id, or files.
   * @throws InputError, CheckpointError, DownloadError or EngineError; what was opened by then is closed again.
   * @example
   * ```ts
   * await using answerer = await QuestionAnswerer.load();
   * const { answers } = await answerer.answer({ question: "Who wrote it?", context: "Mary Shelley wrote it." });
   * ```
   */
  static async load(model?: string | ModelFiles, options: LoadOptions = {}): Promise<QuestionAnswerer> {
    const { device = "auto", signal, onProgress } = options;
    checkLoadOptions(device, options.threads);
    signal?.throwIfAborted();
    const files = typeof model === "object" ? model : await platform.findModel({ model, revision: options.revision });
    const opening = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
    const checkpoint = await openCheckpoint(files, opening);
    try {
      const tokenizer = await checkpoint.tokenizer();
      const { threads, wasmPaths, gpu } = options;
      const engine = await platform.createEngine(device, { threads, wasmPaths, gpu });
      const program = selectOutputs(bertForQuestionAnswering(checkpoint.config), ["start_logits", "end_logits"]);
      const read = (name: string) => checkpoint.weights.read(name);
      const executable = await compile(engine, engine.mixesLengths ? program : assumeUnmasked(program), read, signal);
      // The engine has its own copy of the weights now.
      if (!engine.readsAgain) await checkpoint.close();
      return new QuestionAnswerer(checkpoint, tokenizer, executable, engine);
    } catch (error) {
      await checkpoint.close();
      throw error;
    }
  }

  /**
   * Answers a question from a text.
   * @throws InputError for an empty context, a question that is empty or too long, or an option out of range.
   */
  answer(question: Question, options?: AnswerCallOptions): Promise<AnswerResult>;
  /** Answers many questions, each from its own text, as one batch; results in the order of the questions. */
  answer(questions: readonly Question[], options?: AnswerCallOptions): Promise<AnswerResult[]>;
  async answer(
    input: Question | readonly Question[],
    options: AnswerCallOptions = {},
  ): Promise<AnswerResult | AnswerResult[]> {
    return this.#queue(async () => {
      if (!isList(input)) return (await this.#answerAll([input], options))[0] as AnswerResult;
      return this.#answerAll(input, options);
    });
  }

  /** Waits for the calls under way, then gives back the model's memory. Later calls throw an EngineError. */
  async dispose(): Promise<void> {
    await this.#queue(async () => {
      const executable = this.#executable;
      this.#executable = undefined;
      if (executable === undefined) return;
      await executable.dispose();
      await this.#engine.dispose?.();
      await this.#checkpoint.close();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #answerAll(questions: readonly Question[], options: AnswerCallOptions): Promise<AnswerResult[]> {
    const { signal, onProgress, ...answerOptions } = options;
    signal?.throwIfAborted();
    if (this.#executable === undefined) {
      throw new EngineError({
        found: "the model was disposed of",
        advice: "Load it again with QuestionAnswerer.load.",
      });
    }
    const resolved = resolveAnswerOptions(answerOptions, this.#checkpoint.config.maxPositions);
    const tasks = await this.#prepare(questions, resolved, options);
    const total = tasks.reduce((sum, { windows }) => sum + windows, 0);
    let done = 0;
    for (const chunk of chunked(this.#windowsOf(tasks, resolved), lookahead)) {
      const sequences = chunk.map(({ window }) => window);
      for await (const batch of runSequences(this.#executable, sequences, this.#runOptions(signal))) {
        for (const { index, ...logits } of batch) {
          const { task, window } = chunk[index] as (typeof chunk)[number];
          task.collector.add(window, logits);
        }
        done += batch.length;
        onProgress?.({ phase: "compute", done, total });
      }
    }
    return tasks.map(({ collector, truncatedQuestion }) => ({
      ...collector.result(),
      ...(truncatedQuestion === undefined ? {} : { truncatedQuestion }),
    }));
  }

  #runOptions(signal: AbortSignal | undefined): SequenceRunOptions {
    const tokensPerBatch = this.#executable?.tokensPerBatch;
    return {
      mixesLengths: this.#engine.mixesLengths === true,
      ...(tokensPerBatch !== undefined && { tokensPerBatch }),
      ...(signal && { signal }),
    };
  }

  /** Tokenises all questions and texts, and finds every fault before the first window is computed. */
  async #prepare(
    questions: readonly Question[],
    resolved: ResolvedAnswerOptions,
    { signal, onProgress }: AnswerCallOptions,
  ): Promise<Task[]> {
    const total = questions.reduce((sum, { context }) => sum + lengthOf(context), 0);
    let before = 0;
    const tasks: Task[] = [];
    for (const { question, context } of questions) {
      const { encoding, truncatedQuestion } = this.#encodeQuestion(question, resolved);
      const offset = before;
      const encodedContext = await this.#tokenizer.encodeAsync(checkedText("context", context), {
        ...(signal && { signal }),
        onProgress: (done) => onProgress?.({ phase: "tokenize", done: offset + done, total }),
      });
      if (encodedContext.length === 0) {
        throw new InputError({ found: "the context is empty", expected: "a text that may hold the answer" });
      }
      before += context.length;
      tasks.push({
        question: encoding,
        context: encodedContext,
        windows: countWindows(encoding.length, encodedContext.length, resolved),
        collector: new AnswerCollector(encodedContext, resolved),
        truncatedQuestion,
      });
    }
    return tasks;
  }

  #encodeQuestion(question: string, { maxQuestionLength, truncateQuestion }: ResolvedAnswerOptions) {
    const encoding = this.#tokenizer.encode(checkedText("question", question));
    if (encoding.length === 0) throw new InputError({ found: "the question is empty", expected: "a question" });
    if (encoding.length <= maxQuestionLength) return { encoding, truncatedQuestion: undefined };
    if (!truncateQuestion) {
      throw new InputError({
        found: `the question has ${encoding.length} tokens`,
        expected: `at most ${maxQuestionLength} (maxQuestionLength)`,
        advice: "Ask more briefly, raise maxQuestionLength, or set truncateQuestion to have it cut.",
      });
    }
    const truncatedQuestion = question.slice(0, encoding.ends[maxQuestionLength - 1]);
    return { encoding: truncated(encoding, maxQuestionLength), truncatedQuestion };
  }

  *#windowsOf(tasks: readonly Task[], resolved: ResolvedAnswerOptions): Generator<{ task: Task; window: TextWindow }> {
    for (const task of tasks) {
      for (const window of makeWindows(task.question, task.context, this.#tokenizer.special, resolved)) {
        yield { task, window };
      }
    }
  }
}

/** An engine whose program cannot be made is of no more use. */
async function compile(
  engine: Engine,
  program: Program,
  read: ReadParameter,
  signal: AbortSignal | undefined,
): Promise<Executable> {
  try {
    return await engine.compile(program, read, signal ? { signal } : {});
  } catch (error) {
    await engine.dispose?.();
    throw error;
  }
}

function checkLoadOptions(device: string, threads: number | undefined): void {
  if (!devices.some((known) => known === device)) {
    throw new InputError({ found: `the device is ${JSON.stringify(device)}`, expected: devices.join(", ") });
  }
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1)) {
    throw new InputError({ found: `threads is ${String(threads)}`, expected: "a whole number of at least 1" });
  }
}

/** `Array.isArray` alone does not narrow a readonly array. */
function isList(input: Question | readonly Question[]): input is readonly Question[] {
  return Array.isArray(input);
}

function lengthOf(text: unknown): number {
  return typeof text === "string" ? text.length : 0;
}

function checkedText(name: string, text: unknown): string {
  if (typeof text === "string") return text;
  throw new InputError({ found: `the ${name} is ${text === null ? "null" : typeof text}`, expected: "a string" });
}

function truncated(encoding: Encoding, length: number): Encoding {
  return {
    text: encoding.text,
    length,
    ids: encoding.ids.subarray(0, length),
    starts: encoding.starts.subarray(0, length),
    ends: encoding.ends.subarray(0, length),
    words: encoding.words.subarray(0, length),
  };
}

function* chunked<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length === size) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}
