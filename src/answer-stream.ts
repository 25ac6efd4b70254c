/**
 * Streams answers as they become ready, for questions that may arrive one by one and endlessly.
 *
 * Questions are read in groups of windows for a few batches; each group is one job in the queue of all calls. A group
 * also ends when the next question is not available yet. Its job runs to the end even if its results are not consumed,
 * so that another call between two results cannot deadlock.
 *
 * Must stay true: memory does not grow with the number of questions; no question waits for one that has not arrived;
 * when the caller stops consuming, no further group starts; an abort also ends the wait for a question.
 */
import { abortable } from "./abortable.ts";
import type { AnswerCall, AnswerProgress, Failure, Outcome, Task } from "./answer-call.ts";

/** Enough to batch windows of equal length and to fill a GPU's batches. */
const windowsPerGroup = 256;

export interface StreamSource {
  readonly call: AnswerCall;
  readonly questions: Iterable<unknown> | AsyncIterable<unknown>;
  /** Runs a job in the queue of all calls. */
  readonly queue: <T>(job: () => Promise<T>) => Promise<T>;
  readonly onProgress: (progress: AnswerProgress) => void;
  readonly signal: AbortSignal | undefined;
}

class Group {
  readonly failures: Failure[] = [];
  readonly tasks: Task[] = [];
  #windows = 0;

  add(prepared: Task | Failure): void {
    if ("error" in prepared) this.failures.push(prepared);
    else {
      this.tasks.push(prepared);
      this.#windows += prepared.windows;
    }
  }

  get isEmpty(): boolean {
    return this.tasks.length + this.failures.length === 0;
  }

  get isFull(): boolean {
    return this.#windows >= windowsPerGroup || this.failures.length >= windowsPerGroup;
  }
}

export async function* streamOutcomes(source: StreamSource): AsyncGenerator<Outcome> {
  const { call, queue } = source;
  for await (const { failures, tasks } of groupsOf(source)) {
    yield* failures;
    if (tasks.length > 0) yield* streamPushed((push) => queue(() => pushAll(call.run(tasks), push)));
  }
}

async function* groupsOf({ call, questions, onProgress, signal }: StreamSource): AsyncGenerator<Group> {
  const iterator = Symbol.asyncIterator in questions ? questions[Symbol.asyncIterator]() : questions[Symbol.iterator]();
  let [index, done, isOver] = [0, 0, false];
  let group = new Group();
  try {
    for (;;) {
      const pending = Promise.resolve(iterator.next());
      if (!group.isEmpty && !(await isSettled(pending))) {
        yield group;
        group = new Group();
      }
      const next = await abortable(pending, signal);
      isOver = next.done === true;
      if (isOver) break;
      const prepared = await call.prepare(next.value, index++, () => undefined);
      group.add(prepared);
      if ("context" in prepared) done += prepared.context.text.length;
      onProgress({ phase: "tokenize", done, total: done });
      if (!group.isFull) continue;
      yield group;
      group = new Group();
    }
    if (!group.isEmpty) yield group;
  } finally {
    // Not awaited: an iterator that is waiting may never process it.
    if (!isOver) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** Whether a promise is settled by the next turn of the event loop. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const later = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false));
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  const result = await Promise.race([settled, later]);
  clearTimeout(timer);
  return result;
}

async function pushAll<T>(items: AsyncIterable<T>, push: (item: T) => void): Promise<void> {
  for await (const item of items) push(item);
}

/** Yields what a job pushes, then throws the job's error, if any. */
async function* streamPushed<T>(start: (push: (item: T) => void) => Promise<void>): AsyncGenerator<T> {
  const ready: T[] = [];
  let wake: () => void = () => undefined;
  let isOver = false;
  const job = start((item) => {
    ready.push(item);
    wake();
  }).finally(() => {
    isOver = true;
    wake();
  });
  job.catch(() => undefined); // Awaited below, after everything pushed is yielded.
  for (;;) {
    const item = ready.shift();
    if (item !== undefined) yield item;
    else if (isOver) return void (await job);
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}
