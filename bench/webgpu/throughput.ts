/**
 * The speedup of packing: sequences as long as SQuAD's, packed and padded to the longest of their batch, by fusebert and by
 * PyTorch. Only real tokens are counted.
 */
import type { Report } from "../report.ts";
import { compileBert } from "./fusebert.ts";
import { batchOf } from "./random-bert.ts";
import type { Section } from "./section.ts";
import type { Setup } from "./setup.ts";
import { batchesOf, squadLengths } from "./squad-lengths.ts";
import { type Time, timeRuns } from "./timing.ts";
import { runTorch, type ThroughputRow } from "./torch.ts";

interface SampleRow {
  /** Time of the whole sample. */
  readonly time: Time;
}

const sides = ["packed", "padded"] as const;

export const throughput: Section<SampleRow> = {
  name: "throughput",
  title: "Throughput",

  async measure(setup, side, emit) {
    const bert = await compileBert(setup, { precision: setup.half, trusted: true });
    const batches = batchesOf(setup, await squadLengths(setup)).map((lengths) =>
      batchOf(setup.config, side === "packed" ? lengths : lengths.map(() => Math.max(...lengths))),
    );
    // Concurrently, so that the GPU always has work.
    const runAll = (): Promise<unknown> => Promise.all(batches.map((inputs) => bert.run(inputs)));
    emit({ time: await timeRuns(runAll, setup.warmUpMs, setup.runs.batch) });
  },

  async write(report, setup, run) {
    const lengths = await squadLengths(setup);
    const batches = batchesOf(setup, lengths);
    const real = sum(lengths);
    const padded = sum(batches.map((batch) => batch.length * Math.max(...batch)));
    report.line(
      `${lengths.length} sequences as long as the windows of a SQuAD sample (${Math.min(...lengths)} to ${Math.max(...lengths)} tokens, ${(real / lengths.length).toFixed(0)} on average), in batches of ${setup.sample.batch} in the sample's order, ${setup.half}, trusted kernels; from token ids on the host to logits on the host, with concurrent batches. Padded to the longest of each batch, the ${real} tokens become ${padded}.`,
    );
    report.tableHead(["", "tokens computed", "ms, median (fastest)", "real tokens/s"]);
    for (const side of sides) {
      const { rows, failure } = await run(side);
      const name = `fusebert, ${side}`;
      for (const { time } of rows) writeRow(report, name, side === "packed" ? real : padded, time, real);
      if (failure !== undefined) report.row([name, failure]);
    }
    await writeTorch(report, setup, batches, real);
  },
};

async function writeTorch(report: Report, setup: Setup, batches: readonly number[][], real: number): Promise<void> {
  const { rows, failure } = await runTorch<ThroughputRow>("throughput", setup, { batches });
  for (const { name, time, tokens = Number.NaN, error } of rows) {
    if (time === undefined) report.row([name, error ?? ""]);
    else writeRow(report, name, tokens, time, real);
  }
  if (failure !== undefined) report.row(["PyTorch, padded", failure]);
}

function writeRow(report: Report, name: string, tokens: number, { median, fastest }: Time, real: number): void {
  const rate = Math.round((1000 * real) / median).toLocaleString("en");
  report.row([name, tokens, `${median.toFixed(2)} (${fastest.toFixed(2)})`, rate]);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
