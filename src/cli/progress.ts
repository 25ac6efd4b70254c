/**
 * Progress on standard error, for people: only on a terminal, and only for work that lasts.
 *
 * Must stay true: the terminal's settings are left alone (its cursor, its wrapping of lines), so that nothing has to be put
 * back however the process ends; no line is longer than the terminal.
 */
import { Presets, SingleBar } from "cli-progress";
import { displayable } from "../format/displayable.ts";
import { note } from "./output.ts";

/** Work that ends within this time shows nothing. */
const patienceMs = 700;
/** The most of a task's name, in UTF-16 units. */
const longestTask = 60;

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
          // Braces would be a placeholder.
          format: `${displayable(task, longestTask).replace(/[{}]/g, "")} {bar} {percentage} %, {eta_formatted} left`,
          hideCursor: false,
          // Not wrapped by the bar either: it cuts what is too long.
          linewrap: true,
          gracefulExit: false,
          clearOnComplete: true,
          barsize: 30,
        },
        Presets.shades_classic,
      );
      this.#bar.start(total, done);
    }
    this.#bar?.update(done);
  }

  /** Wipes the bar away. */
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
    note(`\r\x1b[2K${displayable(`${seconds} s  ${step}`, width)}`);
  }

  /** Wipes the line away. */
  clear(): void {
    if (this.#enabled) note("\r\x1b[2K");
  }
}
