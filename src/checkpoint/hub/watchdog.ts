/**
 * An AbortSignal that follows the caller's and also fires when a server falls silent.
 *
 * Made by hand because `AbortSignal.any` with `AbortSignal.timeout` can neither be restarted by every chunk nor ended
 * when the answer is there.
 */
export class Watchdog implements Disposable {
  readonly #controller = new AbortController();
  readonly #quietMs: number;
  readonly #caller: AbortSignal | undefined;
  readonly #onCaller = () => this.#controller.abort(this.#caller?.reason);
  #timer: NodeJS.Timeout;

  constructor(quietMs: number, caller: AbortSignal | undefined) {
    this.#quietMs = quietMs;
    this.#caller = caller;
    this.#timer = this.#start();
    if (caller?.aborted) this.#onCaller();
    caller?.addEventListener("abort", this.#onCaller, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The server has sent something. */
  feed(): void {
    this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#onCaller);
  }

  #start(): NodeJS.Timeout {
    const reason = new Error(`nothing came for ${this.#quietMs / 1000} s`);
    return setTimeout(() => this.#controller.abort(reason), this.#quietMs);
  }
}
