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
