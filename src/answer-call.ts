/**
 * One call to a loaded model: rows become tasks, the windows of all tasks run as one stream, and each task is done with
 * its last window.
 *
 * Must stay true: windows are made lazily and dropped when their answers are collected, so that a book needs no more
 * memory than its tokens; an error in a row affects only that row and names it; an abort ends the call.
 */
import { AnswerCollector, type AnswerResult } from "./answer/answer-collector.ts";
import type { AnswerOptions, ResolvedAnswerOptions } from "./answer/options.ts";
import { FusebertError, InputError, type Row } from "./errors.ts";
import type { LoadedModel } from "./loaded-model.ts";
import { checkQuestion, rowOf } from "./questions.ts";
import { type Encoding, sliceEncoding } from "./text/encoding.ts";
import { Graphemes } from "./text/graphemes.ts";
import { countWindows, makeWindows, type TextWindow } from "./text/windows.ts";

/** `tokenize` counts UTF-16 code units of all contexts, `compute` counts windows. */
export interface AnswerProgress {
  readonly phase: "tokenize" | "compute";
  readonly done: number;
  readonly total: number;
  /** A hint, at most once before computing: the windows overlap so much that most tokens are read several times. */
  readonly note?: string;
}

export interface AnswerCallOptions extends AnswerOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: AnswerProgress) => void;
  /**
   * For a list: `throw` (default) ends the call at the first question that cannot be answered; `return` gives its error
   * in its place and answers the others.
   */
  readonly onError?: "throw" | "return";
}

export interface Task {
  readonly row: Row;
  readonly question: Encoding;
  readonly context: Encoding;
  readonly windows: number;
  /** Released when the task is done: it holds up to some megabytes of candidates. */
  collector: AnswerCollector | undefined;
  readonly truncatedQuestion: string | undefined;
  /** Windows computed so far. */
  computed: number;
}

/** The error does not name the row yet. */
export interface Failure {
  readonly row: Row;
  readonly error: FusebertError;
}

export type Outcome = { readonly row: Row; readonly result: AnswerResult } | Failure;

/** More windows than this, relative to no overlap, give a note. */
const notedOverlapFactor = 4;

export class AnswerCall {
  readonly #model: LoadedModel;
  readonly #options: ResolvedAnswerOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #returnsErrors: boolean;
  readonly #onProgress: (progress: AnswerProgress) => void;
  #hasNoted = false;

  constructor(model: LoadedModel, options: ResolvedAnswerOptions, { signal, onProgress, onError }: AnswerCallOptions) {
    this.#model = model;
    this.#options = options;
    this.#signal = signal;
    this.#returnsErrors = onError === "return";
    this.#onProgress = onProgress ?? (() => undefined);
  }

  /**
   * Checks and tokenises one row.
   * @param onTokenized called with the number of code units of its context that are done.
   * @returns the task, or the row's error. Rejects with the signal's reason, or with errors that no row caused.
   */
  async prepare(input: unknown, index: number, onTokenized: (done: number) => void): Promise<Task | Failure> {
    try {
      return await this.#prepare(input, index, onTokenized);
    } catch (error) {
      if (!(error instanceof FusebertError) || this.#signal?.aborted) throw error;
      return { row: rowOf(input, index), error };
    }
  }

  /**
   * Yields each task's outcome when its last window is computed. An engine failure is thrown; with `onError: "return"`
   * it is the outcome of every remaining task.
   */
  async *run(tasks: readonly Task[]): AsyncGenerator<Outcome> {
    const total = tasks.reduce((sum, { windows }) => sum + windows, 0);
    let done = 0;
    const note = this.#hasNoted ? undefined : this.#note(tasks, total);
    if (note !== undefined) {
      this.#hasNoted = true;
      this.#onProgress({ phase: "compute", done, total, note });
    }
    try {
      for await (const batch of this.#model.run(this.#windowsOf(tasks), this.#signal)) {
        done += batch.length;
        for (const { item, logits } of batch) {
          const outcome = collect(item.task, item.window, logits);
          if (outcome !== undefined) yield outcome;
        }
        this.#onProgress({ phase: "compute", done, total });
      }
    } catch (error) {
      if (!(error instanceof FusebertError) || this.#signal?.aborted || !this.#returnsErrors) throw error;
      for (const { row } of tasks.filter(({ collector }) => collector !== undefined)) yield { row, error };
    }
  }

  async #prepare(input: unknown, index: number, onTokenized: (done: number) => void): Promise<Task> {
    const { question, context, ...row } = checkQuestion(input, index);
    const { encoding, truncatedQuestion } = this.#encodeQuestion(question);
    const encodedContext = await this.#model.tokenizer.encodeAsync(context, {
      ...(this.#signal && { signal: this.#signal }),
      onProgress: onTokenized,
    });
    if (encodedContext.length === 0) {
      throw new InputError({ found: "the context is empty", expected: "a text that may hold the answer" });
    }
    return {
      row,
      question: encoding,
      context: encodedContext,
      windows: countWindows(encoding.length, encodedContext.length, this.#model.tokenizer.pair, this.#options),
      collector: new AnswerCollector(encodedContext, this.#options),
      truncatedQuestion,
      computed: 0,
    };
  }

  #encodeQuestion(question: string) {
    const { maxQuestionLength, truncateQuestion } = this.#options;
    const encoding = this.#model.tokenizer.encode(question);
    if (encoding.length === 0) throw new InputError({ found: "the question is empty", expected: "a question" });
    if (encoding.length <= maxQuestionLength) return { encoding, truncatedQuestion: undefined };
    if (truncateQuestion === false) {
      throw new InputError({
        found: `the question has ${encoding.length} tokens`,
        expected: `at most ${maxQuestionLength} (maxQuestionLength)`,
        advice: "Ask more briefly, raise maxQuestionLength, or set truncateQuestion to have it cut.",
      });
    }
    const graphemes = new Graphemes(question);
    if (truncateQuestion === "start") {
      const read = sliceEncoding(encoding, encoding.length - maxQuestionLength, encoding.length);
      return { encoding: read, truncatedQuestion: question.slice(graphemes.startBefore(read.starts[0] as number)) };
    }
    const read = sliceEncoding(encoding, 0, maxQuestionLength);
    const end = graphemes.endAfter(read.ends[maxQuestionLength - 1] as number);
    return { encoding: read, truncatedQuestion: question.slice(0, end) };
  }

  *#windowsOf(tasks: readonly Task[]): Generator<{ task: Task; window: TextWindow }> {
    for (const task of tasks) {
      for (const window of makeWindows(task.question, task.context, this.#model.tokenizer.pair, this.#options)) {
        yield { task, window };
      }
    }
  }

  #note(tasks: readonly Task[], windows: number): string | undefined {
    const { docStride } = this.#options;
    const minWindows = tasks.reduce((sum, { question, context }) => {
      return (
        sum +
        countWindows(question.length, context.length, this.#model.tokenizer.pair, { ...this.#options, docStride: 0 })
      );
    }, 0);
    if (windows < notedOverlapFactor * minWindows) return undefined;
    return (
      `docStride ${docStride} is the number of tokens that neighbouring windows share: ${windows} windows are read, ` +
      `where without overlap there would be ${minWindows}`
    );
  }
}

/** Adds a window's logits to its task. @returns the outcome after the last window or an error. */
function collect(task: Task, window: TextWindow, logits: Parameters<AnswerCollector["add"]>[1]): Outcome | undefined {
  const { row, collector, windows, truncatedQuestion } = task;
  if (collector === undefined) return undefined;
  try {
    collector.add(window, logits);
  } catch (error) {
    if (!(error instanceof FusebertError)) throw error;
    task.collector = undefined;
    return { row, error };
  }
  task.computed++;
  if (task.computed < windows) return undefined;
  task.collector = undefined;
  const { id } = row;
  const result = {
    ...collector.result(),
    ...(truncatedQuestion !== undefined && { truncatedQuestion }),
    ...(id !== undefined && { id }),
  };
  return { row, result };
}
