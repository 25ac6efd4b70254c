/**
 * A benchmark's report in Markdown, printed and written to a file line by line.
 *
 * Must stay true: a line is in the file before the next measurement, so that a killed run keeps its results.
 */
import { appendFileSync, writeFileSync } from "node:fs";

export type Cells = readonly (string | number)[];

export class Report {
  readonly #path: string | undefined;

  /** @param path a file to overwrite. */
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

  tableHead(cells: Cells): void {
    this.line();
    this.row(cells);
    this.row(cells.map(() => "---"));
  }

  row(cells: Cells): void {
    this.line(`| ${cells.join(" | ")} |`);
  }
}
