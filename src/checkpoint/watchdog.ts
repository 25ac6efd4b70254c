/**
 * An AbortSignal that follows the caller's and also fires when a server falls silent or sends next to nothing.
 *
 * Made by hand because `AbortSignal.any` with `AbortSignal.timeout` can neither be restarted by every chunk nor ended
 * when the answer is there.
 *
 * Must stay true: it uses nothing of Node's, because browsers download too.
 */

/** How long a server may be silent or slow. */
export interface Patience {
  /** A server that sends nothing for this long counts as gone. */
  readonly quietMs: number;
  /** The time over which the speed of a download is measured, again and again. */
  readonly speedWindowMs: number;
  /** A download that is slower than this over such a time has failed. */
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

  /** The server has sent something. */
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

  /** Ends the watch; the signal then never fires. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#onCaller);
  }

  /** For `using`, in Node alone: not every browser has `Symbol.dispose`. */
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
