/**
 * The library's entry point: a loaded model that answers questions.
 *
 * Must stay true: concurrent calls queue instead of failing, an abort is heard between any two batches, and after
 * `dispose` nothing is held any more.
 */

import pLimit from "p-limit";
import type { AnswerResult } from "./answer/answer-collector.ts";
import { answerOptionNames, resolveAnswerOptions } from "./answer/options.ts";
import { AnswerCall, type AnswerCallOptions, type Failure, type Outcome, type Task } from "./answer-call.ts";
import { streamOutcomes } from "./answer-stream.ts";
import { checkChoice, checkOptions, describeArgument } from "./arguments.ts";
import type { ModelFiles } from "./checkpoint/files.ts";
import { InputError } from "./errors.ts";
import { LoadedModel, type LoadOptions } from "./loaded-model.ts";
import type { AnswerFailure, Question, StreamedAnswer } from "./questions.ts";

export type { AnswerCallOptions, AnswerProgress } from "./answer-call.ts";
export type { AnswerFailure, Question, StreamedAnswer } from "./questions.ts";

const callOptionNames = [...answerOptionNames, "signal", "onProgress", "onError"];

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
  answer(question: Question, options?: Omit<AnswerCallOptions, "onError">): Promise<AnswerResult>;
  /** The same for a list, with the error of a question that cannot be answered in its place. */
  answer(
    questions: readonly Question[],
    options: AnswerCallOptions & { readonly onError: "return" },
  ): Promise<(AnswerResult | AnswerFailure)[]>;
  /**
   * Answers many questions, each from its own text, as one batch; results in the order of the questions.
   * @throws as for one; the error of a question has its `index` in the list, and its `id`. Nothing is computed before all
   * questions are checked.
   */
  answer(questions: readonly Question[], options?: AnswerCallOptions): Promise<AnswerResult[]>;
  async answer(
    input: Question | readonly Question[],
    options: AnswerCallOptions = {},
  ): Promise<AnswerResult | (AnswerResult | AnswerFailure)[]> {
    checkCallOptions(options);
    if (!isList(input) && options.onError === "return") {
      throw new InputError({ found: 'onError is "return" for a single question', expected: "a list of questions" });
    }
    return isList(input)
      ? this.#queue(() => this.#answerList(input, options))
      : this.#queue(() => this.#answerOne(input, options));
  }

  /**
   * Answers questions and gives each answer when it is ready, which is not the order of the questions: a result has the
   * `index` of its question, and its `id`. Questions are taken as they are needed, so there may be any number.
   * `onProgress` counts what was taken so far.
   * @throws as `answer`; with `onError: "return"` a question that cannot be answered gives its error instead.
   * @example
   * ```ts
   * for await (const { index, answers } of answerer.stream(questions)) console.log(index, answers[0]?.text);
   * ```
   */
  stream(
    questions: Iterable<Question> | AsyncIterable<Question>,
    options: AnswerCallOptions & { readonly onError: "return" },
  ): AsyncGenerator<StreamedAnswer, void>;
  stream(
    questions: Iterable<Question> | AsyncIterable<Question>,
    options?: AnswerCallOptions,
  ): AsyncGenerator<Exclude<StreamedAnswer, AnswerFailure>, void>;
  async *stream(
    questions: Iterable<Question> | AsyncIterable<Question>,
    options: AnswerCallOptions = {},
  ): AsyncGenerator<StreamedAnswer, void> {
    checkCallOptions(options);
    checkIterable(questions);
    const source = {
      call: this.#call(options),
      questions,
      // A model that was disposed of ends the stream: it is no fault of the questions.
      queue: <T>(job: () => Promise<T>) =>
        this.#queue(() => {
          this.#model.requireOpen();
          return job();
        }),
      onProgress: options.onProgress ?? (() => undefined),
      signal: options.signal,
    };
    for await (const outcome of streamOutcomes(source)) {
      if ("result" in outcome) yield { ...outcome.row, ...outcome.result };
      else yield failureOf(outcome, options);
    }
  }

  /** Waits for the calls under way, then gives back the model's memory. Later calls throw an EngineError. */
  async dispose(): Promise<void> {
    await this.#queue(() => this.#model.dispose());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  #call(options: AnswerCallOptions): AnswerCall {
    const { signal, onProgress, onError, ...answerOptions } = options;
    signal?.throwIfAborted();
    this.#model.requireOpen();
    return new AnswerCall(this.#model, resolveAnswerOptions(answerOptions, this.#model.maxPositions), options);
  }

  async #answerOne(question: Question, options: AnswerCallOptions): Promise<AnswerResult> {
    let result: AnswerResult | undefined;
    await this.#answerAll([question], options, (outcome) => {
      if ("error" in outcome) throw outcome.error;
      result = outcome.result;
    });
    return result as AnswerResult;
  }

  async #answerList(
    questions: readonly Question[],
    options: AnswerCallOptions,
  ): Promise<(AnswerResult | AnswerFailure)[]> {
    const results = new Array<AnswerResult | AnswerFailure>(questions.length);
    await this.#answerAll(questions, options, (outcome) => {
      results[outcome.row.index] = "result" in outcome ? outcome.result : failureOf(outcome, options);
    });
    return results;
  }

  /** @param take told each outcome, in any order; what it throws ends the call. */
  async #answerAll(
    questions: readonly Question[],
    options: AnswerCallOptions,
    take: (outcome: Outcome) => void,
  ): Promise<void> {
    const call = this.#call(options);
    const tasks: Task[] = [];
    const total = questions.reduce((sum, question) => sum + lengthOf(question), 0);
    let before = 0;
    // By index: a list may have holes, which iterating by forEach or map would pass over.
    for (let index = 0; index < questions.length; index++) {
      const prepared = await call.prepare(questions[index], index, (done) =>
        options.onProgress?.({ phase: "tokenize", done: before + done, total }),
      );
      if ("error" in prepared) take(prepared);
      else tasks.push(prepared);
      before += lengthOf(questions[index]);
    }
    for await (const outcome of call.run(tasks)) take(outcome);
  }
}

function checkCallOptions(options: AnswerCallOptions): void {
  checkOptions(options, callOptionNames);
  checkChoice("onError", options.onError, ["throw", "return"]);
}

/** @throws InputError for a text, too: it is a list of characters, none of which is a question. */
function checkIterable(questions: unknown): void {
  const isObject = typeof questions === "object" && questions !== null;
  if (isObject && (Symbol.iterator in questions || Symbol.asyncIterator in questions)) return;
  throw new InputError({
    found: `the questions are ${describeArgument(questions)}`,
    expected: "a list of questions, or an iterator that gives them",
  });
}

/** @throws the row's error, unless it was asked to be returned. */
function failureOf({ row, error }: Failure, { onError }: AnswerCallOptions): AnswerFailure {
  const named = error.inRow(row);
  if (onError !== "return") throw named;
  return { ...row, error: named };
}

/** `Array.isArray` alone does not narrow a readonly array. */
function isList(input: Question | readonly Question[]): input is readonly Question[] {
  return Array.isArray(input);
}

/** The length of the context of what may be a question. */
function lengthOf(question: Partial<Question> | null | undefined): number {
  return typeof question?.context === "string" ? question.context.length : 0;
}
