/**
 * A benchmark's report in Markdown: printed, and written to a file as it goes.
 *
 * Must stay true: a line is in the file before anything else is measured, so that a run that is killed keeps what it has.
 */
import { appendFileSync, writeFileSync } from "node:fs";

export type Cells = readonly (string | number)[];

export class Report {
  readonly #path: string | undefined;

  /** @param path of a file that is begun anew. */
  constructor(path: string | undefined) {
    this.#path = path;
    if (path !== undefined) writeFileSync(path, "");
  }

  line(text = ""): void {
    console.log(text);
    if (this.#path !== undefined) appendFileSync(this.#path, `${text}\n`);
  }

  heading(text: string): void {
    this.line(`\n## ${text}\n`);
  }

  /** Begins a table; its rows follow. */
  tableHead(cells: Cells): void {
    this.line();
    this.row(cells);
    this.row(cells.map(() => "---"));
  }

  row(cells: Cells): void {
    this.line(`| ${cells.join(" | ")} |`);
  }
}
