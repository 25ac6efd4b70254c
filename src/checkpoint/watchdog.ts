/**
 * An AbortSignal that follows the caller's and also aborts when a server is silent or too slow.
 *
 * `AbortSignal.any` with `AbortSignal.timeout` can neither be restarted by every chunk nor stopped at the end.
 *
 * Must stay true: it does not use Node's modules, because browsers download too.
 */

export interface Patience {
  /** Maximum time without data. */
  readonly quietMs: number;
  /** Interval over which the speed is measured. */
  readonly speedWindowMs: number;
  /** Minimum speed over each interval. */
  readonly minBytesPerSecond: number;
}

export class Watchdog implements Disposable {
  readonly #controller = new AbortController();
  readonly #patience: Patience;
  readonly #caller: AbortSignal | undefined;
  readonly #onCaller = () => this.#controller.abort(this.#caller?.reason);
  #timer: ReturnType<typeof setTimeout>;
  #fedAt = performance.now();
  #windowStart = this.#fedAt;
  #windowBytes = 0;

  constructor(patience: Patience, caller: AbortSignal | undefined) {
    this.#patience = patience;
    this.#caller = caller;
    this.#timer = this.#wait(patience.quietMs);
    if (caller?.aborted) this.#onCaller();
    caller?.addEventListener("abort", this.#onCaller, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** To be called for every chunk. */
  feed(bytes: number): void {
    const { speedWindowMs, minBytesPerSecond } = this.#patience;
    this.#fedAt = performance.now();
    this.#windowBytes += bytes;
    const elapsed = this.#fedAt - this.#windowStart;
    if (elapsed < speedWindowMs) return;
    if (this.#windowBytes < (minBytesPerSecond * elapsed) / 1000) {
      this.#controller.abort(new Error(`only ${this.#windowBytes} bytes came in ${Math.round(elapsed / 1000)} s`));
    }
    this.#windowStart = this.#fedAt;
    this.#windowBytes = 0;
  }

  /** Stops watching; the signal then never aborts. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#onCaller);
  }

  /** For `using`, only in Node: not every browser has `Symbol.dispose`. */
  [Symbol.dispose](): void {
    this.stop();
  }

  #wait(ms: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      const { quietMs } = this.#patience;
      const left = this.#fedAt + quietMs - performance.now();
      if (left <= 0) this.#controller.abort(new Error(`nothing came for ${quietMs / 1000} s`));
      else this.#timer = this.#wait(left);
    }, ms);
  }
}
