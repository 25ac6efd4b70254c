/**
 * Ends a command on Ctrl-C and other signals.
 *
 * The first signal aborts the work in progress, which then closes its files and keeps its results. Work that cannot be
 * aborted (a computation, a thread that waits to read a pipe) gets 700 ms before the process ends; a second signal ends it
 * at once.
 *
 * Must stay true: tasks of `beforeExit` run exactly once, however the command ends, unless a second signal comes.
 */

/** Exit codes: 128 + the signal's number, as in shells. */
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type SignalName = keyof typeof signals;
const signalNames: readonly SignalName[] = ["SIGHUP", "SIGINT", "SIGTERM"];

/** How long a command may take to end by itself. */
const graceMs = 700;

export interface ExitTask {
  /** Runs the task unless it has run: the command calls this at the usual place. */
  perform(): Promise<void>;
  /** The task is no longer needed. */
  cancel(): void;
}

const exitTasks = new Set<ExitTask>();

/** Registers work that runs before the process ends, even if an interrupted command does not reach it. */
export function beforeExit(work: () => Promise<void> | void): ExitTask {
  let running: Promise<void> | undefined;
  const start = async (): Promise<void> => work();
  const task: ExitTask = {
    perform: () => {
      running ??= start().finally(task.cancel);
      return running;
    },
    cancel: () => void exitTasks.delete(task),
  };
  exitTasks.add(task);
  return task;
}

export class Interruption {
  readonly #controller = new AbortController();
  #name: SignalName | undefined;
  /** Whether the work has ended by itself. */
  #hasEnded = false;
  readonly #onSignal = (name: SignalName): void => {
    if (this.#name !== undefined) {
      this.#release();
      this.leave();
    }
    this.#name = name;
    this.#controller.abort();
  };

  constructor() {
    for (const name of signalNames) process.on(name, this.#onSignal);
  }

  /** Aborts on the first signal of the operating system. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isInterrupted(): boolean {
    return this.#name !== undefined;
  }

  /**
   * Ends the process with the signal's exit code. While work is running, the process sends itself the signal instead, which
   * shells report as the same code: `exit` would wait for a thread in a DNS lookup, and unloading the driver of a busy GPU
   * crashes.
   */
  leave(): never {
    const inLookup = process.getActiveResourcesInfo().includes("GetAddrInfoReqWrap");
    if (!this.#hasEnded || inLookup) process.kill(process.pid, this.#name);
    process.exit(signals[this.#name ?? "SIGINT"]);
  }

  /** The work's outcome, or a rejection once `graceMs` have passed since a signal. Later signals end the process. */
  async during<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const ended = new Promise<never>((_, reject) => {
      const end = async (): Promise<void> => {
        await Promise.allSettled([...exitTasks].map((task) => task.perform()));
        reject(this.signal.reason);
      };
      const onAbort = (): void => {
        timer = setTimeout(end, graceMs);
      };
      this.signal.addEventListener("abort", onAbort, { once: true });
    });
    const marked = work.finally(() => {
      this.#hasEnded = true;
    });
    try {
      return await Promise.race([marked, ended]);
    } finally {
      clearTimeout(timer);
      this.#release();
    }
  }

  #release(): void {
    for (const name of signalNames) process.off(name, this.#onSignal);
  }
}
