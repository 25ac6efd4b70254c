/**
 * Progress on standard error, for people: only on a terminal, and only for work that lasts.
 */
import { Presets, SingleBar } from "cli-progress";

/** Work that ends within this time shows nothing. */
const patienceMs = 700;

export class Progress {
  readonly #enabled: boolean;
  #started = performance.now();
  #task: string | undefined;
  #bar: SingleBar | undefined;

  constructor(enabled: boolean = process.stderr.isTTY === true) {
    this.#enabled = enabled;
  }

  /**
   * Tells of `done` out of `total` units of a task; another task's name starts another bar.
   * @param total unknown when undefined: nothing is shown then.
   */
  update(task: string, done: number, total: number | undefined): void {
    if (!this.#enabled || total === undefined) return;
    if (task !== this.#task) {
      this.stop();
      this.#task = task;
      this.#started = performance.now();
    }
    if (this.#bar === undefined && performance.now() - this.#started > patienceMs && done < total) {
      this.#bar = new SingleBar(
        {
          format: `${task} {bar} {percentage} %, {eta_formatted} left`,
          hideCursor: true,
          clearOnComplete: true,
          barsize: 30,
        },
        Presets.shades_classic,
      );
      this.#bar.start(total, done);
    }
    this.#bar?.update(done);
  }

  /** Wipes the bar away; a terminal's cursor comes back. */
  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#task = undefined;
  }
}

/** What is being done right now, for work whose length nobody knows. */
export class StatusLine {
  readonly #enabled: boolean;
  readonly #started = performance.now();

  constructor(enabled: boolean = process.stderr.isTTY === true) {
    this.#enabled = enabled;
  }

  show(step: string): void {
    if (!this.#enabled) return;
    const seconds = Math.floor((performance.now() - this.#started) / 1000);
    const width = (process.stderr.columns ?? 80) - 1;
    process.stderr.write(`\r\x1b[2K${`${seconds} s  ${step}`.slice(0, width)}`);
  }

  /** Wipes the line away. */
  clear(): void {
    if (this.#enabled) process.stderr.write("\r\x1b[2K");
  }
}
