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
import { AnswerCollector, type AnswerResult } from "./answer/answer-collector.ts";
import { type AnswerOptions, type ResolvedAnswerOptions, resolveAnswerOptions } from "./answer/options.ts";
import type { ModelFiles } from "./checkpoint/files.ts";
import { InputError } from "./errors.ts";
import { LoadedModel, type LoadOptions } from "./loaded-model.ts";
import { type Encoding, shortened } from "./text/encoding.ts";
import { countWindows, makeWindows, type TextWindow } from "./text/windows.ts";

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

export class QuestionAnswerer {
  /** The model's id, folder or URL; `built-in` for the one in the package. */
  readonly model: string;
  /** The engine that computes: `cpu`, `webgpu` or `reference`. */
  readonly device: string;
  /** The same in full: `webgpu: google swiftshader, f32, O4` (adapter, precision, level), `cpu: ONNX Runtime, f32`. */
  readonly computedBy: string;
  readonly #model: LoadedModel;
  readonly #queue = pLimit(1);

  private constructor(model: LoadedModel) {
    this.model = model.name;
    this.device = model.device;
    this.computedBy = model.computedBy;
    this.#model = model;
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
    return new QuestionAnswerer(await LoadedModel.load(model, options));
  }

  /**
   * What the model's files say that is ignored or suspicious: a quantization_config, weights that are nothing but zeros, a
   * tokenizer that is probably another model's. Sentences without the full stop; empty for a sound model.
   */
  get warnings(): readonly string[] {
    return this.#model.warnings;
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
    await this.#queue(() => this.#model.dispose());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #answerAll(questions: readonly Question[], options: AnswerCallOptions): Promise<AnswerResult[]> {
    const { signal, onProgress, ...answerOptions } = options;
    signal?.throwIfAborted();
    this.#model.requireOpen();
    const resolved = resolveAnswerOptions(answerOptions, this.#model.maxPositions);
    const tasks = await this.#prepare(questions, resolved, options);
    const total = tasks.reduce((sum, { windows }) => sum + windows, 0);
    let done = 0;
    for await (const batch of this.#model.run(this.#windowsOf(tasks, resolved), signal)) {
      for (const { item, logits } of batch) item.task.collector.add(item.window, logits);
      done += batch.length;
      onProgress?.({ phase: "compute", done, total });
    }
    return tasks.map(({ collector, truncatedQuestion }) => ({
      ...collector.result(),
      ...(truncatedQuestion === undefined ? {} : { truncatedQuestion }),
    }));
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
      const encodedContext = await this.#model.tokenizer.encodeAsync(checkedText("context", context), {
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
    const encoding = this.#model.tokenizer.encode(checkedText("question", question));
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
    return { encoding: shortened(encoding, maxQuestionLength), truncatedQuestion };
  }

  *#windowsOf(tasks: readonly Task[], resolved: ResolvedAnswerOptions): Generator<{ task: Task; window: TextWindow }> {
    for (const task of tasks) {
      for (const window of makeWindows(task.question, task.context, this.#model.tokenizer.special, resolved)) {
        yield { task, window };
      }
    }
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
