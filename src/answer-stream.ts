/**
 * Answers as they are ready, to questions that may come one by one and without end.
 *
 * Questions are taken in groups, each about as many windows as fill some batches, and a group is run as a call of its own
 * in the queue of all calls. A group ends where the next question is not there yet. It runs to its end whether or not its
 * results are taken, so that a caller may ask something else between two results and never waits for itself.
 *
 * Must stay true: memory does not grow with the number of questions; no question waits for one that has not come; when the
 * caller stops taking results, no further group is begun; an abort ends the wait for a question, too.
 */
import { abortable } from "./abortable.ts";
import type { AnswerCall, AnswerProgress, Failure, Outcome, Task } from "./answer-call.ts";

/** Windows of a group, about: enough that windows of equal length find each other and a GPU's batches are full. */
const windowsPerGroup = 256;

export interface StreamSource {
  readonly call: AnswerCall;
  readonly questions: Iterable<unknown> | AsyncIterable<unknown>;
  /** Runs a job when its turn among all calls has come. */
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
    if (tasks.length > 0) yield* asReady((push) => queue(() => pushAll(call.run(tasks), push)));
  }
}

async function* groupsOf({ call, questions, onProgress, signal }: StreamSource): AsyncGenerator<Group> {
  const iterator = Symbol.asyncIterator in questions ? questions[Symbol.asyncIterator]() : questions[Symbol.iterator]();
  let [index, done, isOver] = [0, 0, false];
  let group = new Group();
  try {
    for (;;) {
      const coming = Promise.resolve(iterator.next());
      if (!group.isEmpty && !(await isThere(coming))) {
        yield group;
        group = new Group();
      }
      const next = await abortable(coming, signal);
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
    // Not awaited: an iterator that waits for something may never hear of it.
    if (!isOver) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** Whether a promise is settled by the next turn of the event loop. */
async function isThere(promise: Promise<unknown>): Promise<boolean> {
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

/** What a job pushes, as it is pushed; the job's failure after what it pushed before. */
async function* asReady<T>(start: (push: (item: T) => void) => Promise<void>): AsyncGenerator<T> {
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
  job.catch(() => undefined); // It is awaited below, once everything before it is handed out.
  for (;;) {
    const item = ready.shift();
    if (item !== undefined) yield item;
    else if (isOver) return void (await job);
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}
