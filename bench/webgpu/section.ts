/**
 * A section of the report: what it writes, and what it measures in processes of their own.
 */
import type { Report } from "../report.ts";
import type { Setup } from "./setup.ts";
import type { SideResult } from "./side.ts";

/**
 * One side of a comparison is measured in one process, so that nothing of another is left on the GPU. What it finds goes to
 * the process that writes the report row by row.
 */
export interface Section<Row = unknown> {
  readonly name: string;
  readonly title: string;
  /** In the process of a side. */
  measure(setup: Setup, side: string, emit: (row: Row) => void): Promise<void>;
  /** In the process of the report; `run` starts a side and waits for it. */
  write(report: Report, setup: Setup, run: (side: string) => Promise<SideResult<Row>>): Promise<void>;
}
