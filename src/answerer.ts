/**
 * A loaded model that answers questions: what the entry points have in common, whichever engine computes.
 *
 * Must stay true: concurrent calls queue instead of failing, an abort takes effect between any two batches, and
 * `dispose` releases everything.
 */

import pLimit from "p-limit";
import type { AnswerResult } from "./answer/answer-collector.ts";
import { answerOptionNames, resolveAnswerOptions } from "./answer/options.ts";
import { AnswerCall, type AnswerCallOptions, type Failure, type Outcome, type Task } from "./answer-call.ts";
import { streamOutcomes } from "./answer-stream.ts";
import { checkChoice, checkOptions, describeArgument } from "./arguments.ts";
import { InputError } from "./errors.ts";
import type { LoadedModel } from "./loaded-model.ts";
import type { AnswerFailure, Question, StreamedAnswer } from "./questions.ts";

const callOptionNames = [...answerOptionNames, "signal", "onProgress", "onError"];

export class Answerer {
  /** The model's id, folder or URL; `built-in` for the one in the package. */
  readonly model: string;
  /** The engine: `cpu` (native code), `wasm`, `webgpu` or `reference`. */
  readonly device: string;
  /** In full: `webgpu: google swiftshader, f32, O4` (adapter, precision, level), `cpu: ONNX Runtime, f32`. */
  readonly computedBy: string;
  /** The default of the option `noAnswerThreshold`: the one that the model's config.json names, or 0. */
  readonly noAnswerThreshold: number;
  readonly #model: LoadedModel;
  readonly #queue = pLimit(1);

  protected constructor(model: LoadedModel) {
    this.model = model.name;
    this.device = model.device;
    this.computedBy = model.computedBy;
    this.noAnswerThreshold = model.noAnswerThreshold;
    this.#model = model;
  }

  /**
   * What to know of the model and the device, as sentences without the full stop. Ignored or suspicious contents of the
   * model's files: a quantization_config, all-zero weights, a tokenizer that probably belongs to another model. On the
   * device `auto`: how to install a faster engine.
   */
  get warnings(): readonly string[] {
    return this.#model.warnings;
  }

  /**
   * Answers a question from a text.
   * @throws InputError for an empty context, a question that is empty or too long, or an option out of range.
   */
  answer(question: Question, options?: Omit<AnswerCallOptions, "onError">): Promise<AnswerResult>;
  /** For a list: a question that cannot be answered has its error in its place. */
  answer(
    questions: readonly Question[],
    options: AnswerCallOptions & { readonly onError: "return" },
  ): Promise<(AnswerResult | AnswerFailure)[]>;
  /**
   * Answers a list of questions, each from its own text; results are in the order of the questions.
   * @throws as for one question; the error has the question's `index` and `id`. Nothing is computed before all
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
   * Yields each answer when it is ready, not in the order of the questions: a result has the `index` and `id` of its
   * question. Questions are read lazily, so there may be any number. `onProgress` counts what was read so far.
   * @throws as `answer`; with `onError: "return"` the error of a question is yielded instead.
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
      // A disposed model ends the stream, even with `onError: "return"`.
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

  /** Waits for calls in progress, then releases the model's memory. Later calls throw an EngineError. */
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
    const { maxPositions, noAnswerThreshold } = this.#model;
    return new AnswerCall(this.#model, resolveAnswerOptions(answerOptions, maxPositions, noAnswerThreshold), options);
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

  /** @param take receives each outcome, in any order; an exception ends the call. */
  async #answerAll(
    questions: readonly Question[],
    options: AnswerCallOptions,
    take: (outcome: Outcome) => void,
  ): Promise<void> {
    const call = this.#call(options);
    const tasks: Task[] = [];
    const total = questions.reduce((sum, question) => sum + lengthOf(question), 0);
    let before = 0;
    // By index, because forEach and map skip holes in a list.
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

/** Rejects strings, which are iterables of characters. */
function checkIterable(questions: unknown): void {
  const isObject = typeof questions === "object" && questions !== null;
  if (isObject && (Symbol.iterator in questions || Symbol.asyncIterator in questions)) return;
  throw new InputError({
    found: `the questions are ${describeArgument(questions)}`,
    expected: "a list of questions, or an iterator that gives them",
  });
}

/** @throws the row's error, unless `onError` is `return`. */
function failureOf({ row, error }: Failure, { onError }: AnswerCallOptions): AnswerFailure {
  const named = error.inRow(row);
  if (onError !== "return") throw named;
  return { ...row, error: named };
}

/** `Array.isArray` does not narrow a readonly array. */
function isList(input: Question | readonly Question[]): input is readonly Question[] {
  return Array.isArray(input);
}

/** Length of the context; 0 for an invalid question. */
function lengthOf(question: Partial<Question> | null | undefined): number {
  return typeof question?.context === "string" ? question.context.length : 0;
}
