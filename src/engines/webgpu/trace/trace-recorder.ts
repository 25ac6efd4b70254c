/**
 * Collects the traces of runs and writes them as a Chrome trace: the host above, the GPU below.
 *
 * Must stay true: memory is bounded, however many runs there are; the trace says how many runs it omits.
 */
import type { OnTrace, RunTrace, TracedProgram } from "../run/run-recording.ts";
import { hostEvents, lanesOf, runTime } from "./host-events.ts";
import { clockShift, ProgramTrack } from "./kernel-events.ts";
import { processEvents, type TraceArgs, type TraceEvent, threadEvents, traceFile } from "./trace-events.ts";

/** A file of about 40 MB, which viewers open without trouble. */
const defaultMaxEvents = 100_000;

const hostPid = 1;
const gpuPid = 2;

export class TraceRecorder {
  readonly #maxEvents: number;
  readonly #runs: RunTrace[] = [];
  #events = 0;
  #dropped = 0;

  /** @param maxEvents to keep; later runs are dropped and counted. */
  constructor(maxEvents: number = defaultMaxEvents) {
    this.#maxEvents = maxEvents;
  }

  /** The engine's option `onTrace`. */
  readonly onTrace: OnTrace = (run) => {
    const events = 1 + run.host.length + (run.times?.length ?? 0);
    // After the first dropped run all are dropped: a truncated trace is easier to read than one with gaps.
    if (this.#dropped > 0 || this.#events + events > this.#maxEvents) {
      this.#dropped++;
      return;
    }
    this.#runs.push(run);
    this.#events += events;
  };

  get runs(): number {
    return this.#runs.length;
  }

  /** Runs after the limit was reached. */
  get droppedRuns(): number {
    return this.#dropped;
  }

  /** Whether there are runs without kernel times. */
  get lacksKernelTimes(): boolean {
    return this.#runs.some(({ times }) => times === undefined);
  }

  /** A file in the Trace Event Format. @param metadata about the trace, such as model and version. */
  toJson(metadata: TraceArgs = {}): string {
    const notes: TraceArgs = {
      runs: this.#runs.length,
      ...(this.#dropped > 0 && { "runs left out at the end": this.#dropped }),
      ...(this.lacksKernelTimes && { "kernel times": noTimes }),
    };
    return traceFile(this.#traceEvents(), { ...metadata, ...notes });
  }

  *#traceEvents(): Generator<TraceEvent> {
    const originMs = this.#runs.reduce((first, run) => Math.min(first, runTime(run).startMs), Number.POSITIVE_INFINITY);
    yield* processEvents(hostPid, "host");
    const lanes = lanesOf(this.#runs);
    for (const tid of new Set(lanes))
      yield* threadEvents({ pid: hostPid, tid }, tid === 0 ? "runs" : "overlapping runs");
    for (const [number, run] of this.#runs.entries()) {
      yield* hostEvents(run, number, { pid: hostPid, tid: lanes[number] ?? 0 }, originMs);
    }
    yield* processEvents(gpuPid, "GPU");
    const programs = [...new Set(this.#runs.map(({ program }) => program))];
    for (const [tid, program] of programs.entries()) yield* this.#programEvents(program, tid, originMs);
  }

  *#programEvents(program: TracedProgram, tid: number, originMs: number): Generator<TraceEvent> {
    const track = { pid: gpuPid, tid };
    const numbered = [...this.#runs.entries()].filter(([, run]) => run.program === program);
    const runs = numbered.map(([, run]) => run);
    const missing = runs.some(({ times }) => times === undefined) ? `: ${noTimes}` : "";
    yield* threadEvents(track, `${program.device}, ${program.precision}, ${program.level}${missing}`);
    const kernels = new ProgramTrack(program, track, clockShift(runs) - originMs);
    for (const [number, run] of numbered) yield* kernels.eventsOf(run, number);
  }
}

const noTimes = "this GPU gives none (it has no feature timestamp-query)";
