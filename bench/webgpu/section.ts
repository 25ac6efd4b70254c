/**
 * A section of the report, with measurements in child processes.
 */
import type { Report } from "../report.ts";
import type { Setup } from "./setup.ts";
import type { SideResult } from "./side.ts";

/**
 * Each side of a comparison is measured in its own process, so that others leave nothing on the GPU. It sends its results row
 * by row to the process that writes the report.
 */
export interface Section<Row = unknown> {
  readonly name: string;
  readonly title: string;
  /** Runs in the process of a side. */
  measure(setup: Setup, side: string, emit: (row: Row) => void): Promise<void>;
  /** Runs in the process of the report; `run` starts a side and waits for it. */
  write(report: Report, setup: Setup, run: (side: string) => Promise<SideResult<Row>>): Promise<void>;
}
