/**
 * The kernels of a layer, the embeddings and the head: their times by GPU timestamps, compared with the roofline.
 */
import { sentenceOf } from "../../src/engines/webgpu/explain/operations.ts";
import { medianOf } from "../../src/format/median.ts";
import type { Report } from "../report.ts";
import { compileBert, type FusebertOptions, inputsOf } from "./fusebert.ts";
import { kernelTimer, passOverheadUs, type TimedKernel } from "./kernel-times.ts";
import { peak, percent, shareOfPeak } from "./roofline.ts";
import type { Section } from "./section.ts";
import { nameOfWork, runsOf, type Work } from "./setup.ts";
import { timeRuns } from "./timing.ts";

/** A kernel, or the same kernel in all layers. */
interface KernelRow {
  readonly kernel: string;
  readonly count: number;
  readonly flops: number;
  readonly bytes: number;
  /** Time of one, including the overhead of its pass. */
  readonly us: number;
}

interface WorkRow {
  readonly work: Work;
  readonly overheadUs: number;
  /** Time of a run from host to host, without timestamps. */
  readonly totalMs: number;
  readonly kernels: readonly KernelRow[];
}

/** The fastest variant, and those available in a stable browser. */
const variants: Readonly<Record<string, Partial<FusebertOptions>>> = {
  "Half precision": {},
  "Half precision without tensor cores": { tensorCores: false },
  f32: { precision: "f32" },
};

export const kernels: Section<WorkRow> = {
  name: "kernels",
  title: "Kernels",

  async measure(setup, side, emit) {
    const options = { precision: setup.half, trusted: true, ...variants[side] };
    const overheadUs = await passOverheadUs(setup);
    const timesOf = await kernelTimer(setup, options);
    const plain = await compileBert(setup, options);
    for (const work of [setup.single, setup.largest]) {
      const timed = await timesOf(work);
      const inputs = inputsOf(setup, work);
      const { median } = await timeRuns(() => plain.run(inputs), setup.warmUpMs, runsOf(setup, work));
      emit({ work, overheadUs, totalMs: median, kernels: byKind(timed) });
    }
  },

  async write(report, _setup, run) {
    report.line(
      `Trusted kernels, each in its own compute pass, median over runs and layers. "Net" is less the time of an empty kernel; rates and shares refer to net times. Roofline: ${peak.flops / 1e12} TFLOP/s, ${peak.bytes / 1e12} TB/s.`,
    );
    for (const variant of Object.keys(variants)) {
      report.line(`\n### ${variant}`);
      const { rows, failure } = await run(variant);
      for (const row of rows) writeWork(report, row);
      if (failure !== undefined) report.line(`\nNot measured: ${failure}`);
    }
  },
};

/** One row for kernels at the same position in their layers. */
export function byKind(timed: readonly TimedKernel[]): KernelRow[] {
  const starts = new Map<string, number>();
  const groups = new Map<string, TimedKernel[]>();
  for (const kernel of timed) {
    const { section, layer, index } = kernel.identity;
    const instance = `${section} ${layer ?? ""}`;
    const start = starts.get(instance) ?? index;
    starts.set(instance, start);
    const key = `${section} ${index - start}`;
    groups.set(key, [...(groups.get(key) ?? []), kernel]);
  }
  return [...groups.values()].map((group) => {
    const [{ identity, flops, bytes }] = group as [TimedKernel];
    const operations = sentenceOf(identity.operations.map(({ name }) => name));
    const subprogram = identity.subprogram?.replace(/^.*\./, "") ?? identity.section;
    const us = medianOf(group.map((kernel) => kernel.us));
    return { kernel: `${subprogram}: ${operations}`, count: group.length, flops, bytes, us };
  });
}

export function writeWork(report: Report, { work, overheadUs, totalMs, kernels: rows }: WorkRow): void {
  report.tableHead([nameOfWork(work), "count", "µs", "µs net", "TFLOP/s", "GB/s", "share of the roofline", "bound by"]);
  let netMs = 0;
  for (const { kernel, count, flops, bytes, us } of rows) {
    // The difference may be below the clock's resolution.
    const net = Math.max(us - overheadUs, 0.05);
    netMs += (count * net) / 1000;
    const { share, bound } = shareOfPeak(flops, bytes, net / 1000);
    const rates = [(flops / net / 1e6).toFixed(2), (bytes / net / 1e3).toFixed(0)];
    report.row([kernel, count, us.toFixed(1), net.toFixed(1), ...rates, percent(share), bound]);
  }
  report.line(
    `\nAn empty kernel: ${overheadUs.toFixed(2)} µs. All kernels net: ${netMs.toFixed(3)} ms. A run without timestamps, from host to host: ${totalMs.toFixed(3)} ms.`,
  );
}
