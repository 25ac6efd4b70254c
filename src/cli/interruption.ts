/**
 * Ctrl-C and its like: how a command is asked to end, and made to end.
 *
 * The first signal aborts what is under way, which ends in order: files are closed, what was found is kept. What cannot be
 * aborted (a computation, a file that waits for its writer in a thread) is waited for 700 ms, then the process ends regardless; a
 * second signal ends it at once.
 *
 * Must stay true: what is registered by `beforeExit` happens exactly once, however the command ends, unless a second
 * signal comes.
 */

/** Exit codes, 128 + the signal's number, as shells count. */
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type SignalName = keyof typeof signals;
const signalNames: readonly SignalName[] = ["SIGHUP", "SIGINT", "SIGTERM"];

/** How long a command may take to end by itself. */
const graceMs = 700;

/** What has to happen before the process ends. */
export interface Duty {
  /** Does it, if it has not been done: the command calls this where it would do it. */
  perform(): Promise<void>;
  /** It need not be done any more. */
  drop(): void;
}

const duties = new Set<Duty>();

/** Has something done before the process ends, also where the command does not get so far. */
export function beforeExit(work: () => Promise<void> | void): Duty {
  let doing: Promise<void> | undefined;
  const start = async (): Promise<void> => work();
  const duty: Duty = {
    perform: () => {
      doing ??= start().finally(duty.drop);
      return doing;
    },
    drop: () => void duties.delete(duty),
  };
  duties.add(duty);
  return duty;
}

export class Interruption {
  readonly #controller = new AbortController();
  #name: SignalName | undefined;
  /** Whether what was under way has ended, rather than been left. */
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

  /** Aborts at the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether one came. */
  get came(): boolean {
    return this.#name !== undefined;
  }

  /**
   * Ends the process with the signal's code. Where something in it is still at work it ends by the signal itself, which
   * shells report as the same code: `exit` would wait for a thread that looks up a name, and a GPU that is at work when its
   * driver is unloaded brings a fault of memory.
   */
  leave(): never {
    const looksUp = process.getActiveResourcesInfo().includes("GetAddrInfoReqWrap");
    if (!this.#hasEnded || looksUp) process.kill(process.pid, this.#name);
    process.exit(signals[this.#name ?? "SIGINT"]);
  }

  /** The work's outcome; after a signal, once that time is over, the signal's reason instead. Signals then end the process. */
  async during<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const ended = new Promise<never>((_, reject) => {
      const end = async (): Promise<void> => {
        await Promise.allSettled([...duties].map((duty) => duty.perform()));
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
