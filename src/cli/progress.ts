/**
 * Progress on standard error: only on a terminal, and only for long work.
 *
 * Must stay true: the terminal's settings (cursor, line wrapping) are never changed, so that nothing has to be restored
 * however the process ends; no line is longer than the terminal.
 */
import { Presets, SingleBar } from "cli-progress";
import { displayable } from "../format/displayable.ts";
import { note } from "./output.ts";

/** Work that ends within this time shows nothing. */
const patienceMs = 700;
/** Maximum length of a task's name, in UTF-16 code units. */
const longestTask = 60;

export class Progress {
  readonly #enabled: boolean;
  #started = performance.now();
  #task: string | undefined;
  #bar: SingleBar | undefined;

  constructor(enabled: boolean = process.stderr.isTTY === true) {
    this.#enabled = enabled;
  }

  /** Shows `done` out of `total` units of a task; a new name starts a new bar, and an unknown total shows nothing. */
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
          // Braces would mark a placeholder.
          format: `${displayable(task, longestTask).replace(/[{}]/g, "")} {bar} {percentage} %, {eta_formatted} left`,
          hideCursor: false,
          // Leaves the terminal's setting alone; the bar is shorter than a line.
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

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#task = undefined;
  }
}

/** Shows the current step of work whose length is unknown. */
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

  clear(): void {
    if (this.#enabled) note("\r\x1b[2K");
  }
}
