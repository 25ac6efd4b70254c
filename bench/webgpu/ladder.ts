/**
 * The speedup of each fusion level, O0 to O4, with its FLOPs and bytes as `fusebert explain` counts them, compared with
 * Souffle's levels.
 */

import type { GpuPrecision } from "../../src/engines/webgpu/device/precision.ts";
import { allBytes } from "../../src/engines/webgpu/explain/costs.ts";
import { explainLevel } from "../../src/engines/webgpu/explain/explain.ts";
import { messageOf } from "../../src/errors.ts";
import { type Level, levels } from "../../src/schedule/levels.ts";
import type { Report } from "../report.ts";
import { compileBert, inputsOf } from "./fusebert.ts";
import { percent, shareOfPeak } from "./roofline.ts";
import type { Section } from "./section.ts";
import { nameOfWork, runsOf, type Setup } from "./setup.ts";
import type { SideResult } from "./side.ts";
import { type Time, timeRuns } from "./timing.ts";

interface LevelRow extends Partial<Time> {
  readonly level: Level;
  readonly error?: string;
}

/** Souffle's BERT-base at 1 × 384 in float16 on an NVIDIA A100, ms (Xia et al., ASPLOS 2024). */
const souffle: Readonly<Record<Level, number>> = { O0: 3.1, O1: 2.12, O2: 1.53, O3: 1.41, O4: 1.22 };

export const ladder: Section<LevelRow> = {
  name: "ladder",
  title: "Fusion levels",

  async measure(setup, side, emit) {
    for (const level of levels) {
      try {
        const bert = await compileBert(setup, { precision: side as GpuPrecision, level, trusted: true });
        const inputs = inputsOf(setup, setup.single);
        const count = runsOf(setup, setup.single);
        emit({ level, ...(await timeRuns(() => bert.run(inputs), setup.warmUpMs, count)) });
        await bert.dispose();
      } catch (error) {
        emit({ level, error: messageOf(error).split("\n", 1)[0] ?? "" });
      }
    }
  },

  async write(report, setup, run) {
    report.line(
      `${nameOfWork(setup.single)}, trusted kernels, median. Bytes moved count every tensor that a kernel binds once. The roofline is that of an H200 in float16, also for f32. "Speedup" compares a level with the one before; Souffle's figures are from an A100, in float16.`,
    );
    for (const precision of [setup.half, "f32"] as const) {
      report.tableHead([precision, ...columns]);
      writeRows(report, setup, precision, await run(precision));
    }
  },
};

const columns = [
  "kernels",
  "GFLOP",
  "MB moved",
  "ms",
  "speedup",
  "TFLOP/s",
  "share of the roofline",
  "Souffle, ms",
  "speedup",
];

function writeRows(
  report: Report,
  setup: Setup,
  precision: GpuPrecision,
  { rows, failure }: SideResult<LevelRow>,
): void {
  let last: { readonly ms: number | undefined; readonly souffle: number } | undefined;
  for (const { level, median, error } of rows) {
    const [batch, sequence] = setup.single;
    const { kernels, flops, bytes } = explainLevel(setup.config, level, precision, batch * sequence).totals;
    const counted = [kernels, (flops / 1e9).toFixed(2), (allBytes(bytes) / 1e6).toFixed(1)];
    const measured =
      median === undefined
        ? [error ?? "", "", "", ""]
        : [
            median.toFixed(3),
            speedup(last?.ms, median),
            (flops / median / 1e9).toFixed(1),
            percent(shareOfPeak(flops, allBytes(bytes), median).share),
          ];
    const theirs = precision === "f32" ? ["", ""] : [souffle[level], speedup(last?.souffle, souffle[level])];
    report.row([level, ...counted, ...measured, ...theirs]);
    last = { ms: median, souffle: souffle[level] };
  }
  if (failure !== undefined) report.row([failure]);
}

const speedup = (before: number | undefined, ms: number): string =>
  before === undefined ? "" : `${(before / ms).toFixed(2)} ×`;
