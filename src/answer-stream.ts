/**
 * Answers as they are ready, to questions that may come one by one and without end.
 *
 * Questions are taken in groups, each about as many windows as fill some batches, and a group is run as a call of its own
 * in the queue of all calls. The group runs to its end whether or not its results are taken, so that a caller may ask
 * something else between two results and never waits for itself.
 *
 * Must stay true: memory does not grow with the number of questions; when the caller stops taking results, no further group
 * is begun.
 */
import type { AnswerCall, AnswerProgress, Failure, Outcome, Task } from "./answer-call.ts";

/** Windows of a group, about: enough that windows of equal length find each other and a GPU's batches are full. */
const windowsPerGroup = 256;

export interface StreamSource {
  readonly call: AnswerCall;
  readonly questions: Iterable<unknown> | AsyncIterable<unknown>;
  /** Runs a job when its turn among all calls has come. */
  readonly queue: <T>(job: () => Promise<T>) => Promise<T>;
  readonly onProgress: (progress: AnswerProgress) => void;
}

interface Group {
  readonly failures: readonly Failure[];
  readonly tasks: readonly Task[];
}

export async function* streamOutcomes({ call, questions, queue, onProgress }: StreamSource): AsyncGenerator<Outcome> {
  for await (const { failures, tasks } of groupsOf(call, questions, onProgress)) {
    yield* failures;
    if (tasks.length > 0) yield* asReady((push) => queue(() => pushAll(call.run(tasks), push)));
  }
}

async function* groupsOf(
  call: AnswerCall,
  questions: StreamSource["questions"],
  onProgress: StreamSource["onProgress"],
): AsyncGenerator<Group> {
  let [failures, tasks, windows]: [Failure[], Task[], number] = [[], [], 0];
  let [index, done] = [0, 0];
  for await (const question of questions) {
    const prepared = await call.prepare(question, index++, () => undefined);
    if ("error" in prepared) failures.push(prepared);
    else {
      tasks.push(prepared);
      windows += prepared.windows;
      done += prepared.context.text.length;
      onProgress({ phase: "tokenize", done, total: done });
    }
    if (windows < windowsPerGroup && failures.length < windowsPerGroup) continue;
    yield { failures, tasks };
    [failures, tasks, windows] = [[], [], 0];
  }
  yield { failures, tasks };
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
