/**
 * What the host does in a run: preparing, recording and submitting commands, waiting for the GPU, reading what it made.
 */
import type { HostPhase, HostSpan, RunTrace } from "../../src/engines/webgpu/run/run-recording.ts";
import { medianOf } from "../../src/format/median.ts";
import { compileBert, inputsOf } from "./fusebert.ts";
import type { Section } from "./section.ts";
import { nameOfWork, runsOf, type Work } from "./setup.ts";
import { timeRuns } from "./timing.ts";

const phases: readonly HostPhase[] = [
  "prepare inputs",
  "memory",
  "write inputs",
  "encode",
  "submit",
  "prerecord",
  "wait",
  "decode",
];

interface WorkRow {
  readonly work: Work;
  /** Of each phase, in microseconds. */
  readonly us: readonly number[];
  readonly wholeUs: number;
}

export const host: Section<WorkRow> = {
  name: "host",
  title: "The host's part",

  async measure(setup, _side, emit) {
    let runs: RunTrace[] = [];
    const onTrace = (run: RunTrace): number => runs.push(run);
    const bert = await compileBert(setup, { precision: setup.half, trusted: true, onTrace, timeKernels: false });
    for (const work of [setup.works[0], setup.single, setup.largest]) {
      const inputs = inputsOf(setup, work);
      await timeRuns(() => bert.run(inputs), setup.warmUpMs, 0);
      runs = [];
      await timeRuns(() => bert.run(inputs), 0, runsOf(setup, work));
      const us = phases.map((phase) => medianOf(runs.map((run) => duration(run.host, phase))));
      emit({ work, us, wholeUs: medianOf(runs.map((run) => duration(run.host, undefined))) });
    }
  },

  async write(report, setup, run) {
    report.line(
      `${setup.half}, trusted kernels, kernels not timed, microseconds, median of each. Runs of one size follow each other, so each was recorded while the GPU computed the one before ("prerecord"). The GPU begins with the first of several submissions; "wait" is what is left when the next run is recorded.`,
    );
    report.tableHead(["", ...phases, "a whole run"]);
    const { rows, failure } = await run("");
    for (const { work, us, wholeUs } of rows) {
      report.row([nameOfWork(work), ...us.map((time) => time.toFixed(0)), wholeUs.toFixed(0)]);
    }
    if (failure !== undefined) report.row([failure]);
  },
};

/** Of all phases, if none is named. */
function duration(spans: readonly HostSpan[], phase: HostPhase | undefined): number {
  const own = spans.filter((span) => phase === undefined || span.phase === phase);
  return own.reduce((sum, { startMs, endMs }) => sum + 1000 * (endMs - startMs), 0);
}
