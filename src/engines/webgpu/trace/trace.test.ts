import { expect, describe as suite, test } from "vitest";
import { bertBase } from "../../../architectures/bert/bert-base.ts";
import { bertForQuestionAnswering } from "../../../architectures/bert/program.ts";
import type { ModelConfig } from "../../../architectures/index.ts";
import { selectOutputs } from "../../../program/program.ts";
import { packSequences } from "../../../rewrites/pack-sequences.ts";
import { type Level, scheduleAt } from "../../../schedule/levels.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { defaultLimits } from "../explain/describe.ts";
import { explainLevel } from "../explain/explain.ts";
import { sentenceOf } from "../explain/operations.ts";
import { kindOf, type LoweredKernel, lowerToWgsl } from "../plan/lower.ts";
import { Placement } from "../plan/placement.ts";
import { readKernelTimes } from "../run/kernel-timer.ts";
import { planPacking, visiblePairs } from "../run/packing.ts";
import type { HostPhase, KernelTime, RunTrace, TracedProgram } from "../run/run-recording.ts";
import { TraceRecorder } from "./trace-recorder.ts";

const config: ModelConfig = { ...bertBase, layers: 1 };

interface Traced {
  readonly program: TracedProgram;
  readonly kernels: readonly LoweredKernel[];
}

function tracedProgram(level: Level): Traced {
  const program = selectOutputs(bertForQuestionAnswering(config), ["start_logits", "end_logits"]);
  const schedule = scheduleAt(packSequences(program) ?? program, level);
  const placement = new Placement(schedule, "f32");
  const kernels = lowerToWgsl(schedule, placement, defaultLimits);
  return { program: { device: "a GPU", precision: "f32", level, program: schedule.program, placement }, kernels };
}

const phases: readonly HostPhase[] = ["prepare inputs", "memory", "write inputs", "encode", "submit", "wait", "decode"];

/** A run whose phases take a millisecond each, except `wait`, which takes ten. */
function runAt(
  startMs: number,
  { program, kernels }: Traced,
  timeOf: ((index: number) => readonly [number, number]) | undefined,
  tokens = 64,
  visiblePairs = tokens ** 2,
): RunTrace {
  const ends = phases.map((_, index) => startMs + index + 1 + (index >= 5 ? 9 : 0));
  const host = phases.map((phase, index) => ({ phase, startMs: ends[index - 1] ?? startMs, endMs: ends[index] ?? 0 }));
  const times = kernels.map((_, index): KernelTime => {
    const [start, end] = timeOf?.(index) ?? [0, 0];
    return { index, startMs: start, endMs: end };
  });
  return { program, extents: new Map([["tokens", tokens]]), visiblePairs, kernels, times: timeOf && times, host };
}

interface Span {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: Readonly<Record<string, unknown>>;
}

function traceOf(runs: readonly RunTrace[], recorder = new TraceRecorder()) {
  for (const run of runs) recorder.onTrace(run);
  const { traceEvents, otherData } = JSON.parse(recorder.toJson({ fusebert: "1" })) as {
    readonly traceEvents: readonly Span[];
    readonly otherData: Readonly<Record<string, unknown>>;
  };
  const spans = traceEvents.filter(({ ph }) => ph === "X");
  for (const { ts, dur } of spans) {
    expect(ts).toBeGreaterThanOrEqual(0);
    expect(dur).toBeGreaterThanOrEqual(0);
  }
  const of = (pid: number) => spans.filter((span) => span.pid === pid);
  return { host: of(1), kernels: of(2), names: traceEvents.filter(({ ph }) => ph === "M"), otherData };
}

/** No two spans of a track overlap. */
function expectApart(spans: readonly Span[]): void {
  const sorted = spans.toSorted((a, b) => a.ts - b.ts);
  for (const [index, { ts }] of sorted.entries()) {
    const before = sorted[index - 1];
    // Microseconds with three decimals.
    if (before) expect(ts).toBeGreaterThanOrEqual(before.ts + before.dur - 1e-6);
  }
}

const o2 = tracedProgram("O2");

suite("a trace", () => {
  test.each(["O0", "O3"] as const)("has the kernels that explain describes, at %s", (level) => {
    const run = runAt(5, tracedProgram(level), (index) => [7e6 + index, 7e6 + index + 0.5]);
    const { kernels, otherData } = traceOf([run]);
    const explained = explainLevel(config, level, "f32", 64).kernels;
    expect(kernels.map(({ name }) => name)).toEqual(
      explained.map(({ operations }) => sentenceOf(operations.map((operation) => operation.name))),
    );
    expect(kernels.map(({ args }) => args["FLOPs"])).toEqual(explained.map(({ flops }) => flops));
    expect(kernels.map(({ args }) => args["workgroups"])).toEqual(explained.map(({ workgroups }) => workgroups));
    expect(otherData).toEqual({ fusebert: "1", runs: 1 });
  });

  test("says how fast a kernel was", () => {
    const { kernels } = traceOf([runAt(0, o2, (index) => [index, index + 0.5])]);
    const gelu = kernels.find(({ name }) => name === "matmul + bias + GELU");
    const flops = 2 * 64 * 768 * 3072 + 6 * 64 * 3072;
    const bytes = 4 * (768 * 3072 + 3072 + 64 * 768 + 64 * 3072);
    expect(gelu).toMatchObject({ dur: 500, args: { section: "layer 0", shape: [64, 3072], FLOPs: flops, bytes } });
    expect(gelu?.args["GFLOP/s"]).toBeCloseTo(flops / 0.5e-3 / 1e9, 0);
    expect(gelu?.args["GB/s"]).toBeCloseTo(bytes / 0.5e-3 / 1e9, 1);
  });

  test("counts only pairs of tokens of one sequence for attention", () => {
    const flopsOf = (pairs: number): number[] => {
      const { kernels } = traceOf([runAt(0, o2, (index) => [index, index + 1], 64, pairs)]);
      return kernels.map(({ args }) => args["FLOPs"] as number);
    };
    const [all, half] = [flopsOf(64 ** 2), flopsOf(2 * 32 ** 2)];
    o2.kernels.forEach((kernel, index) => {
      // Work per query, rather than per pair, is less than a thousandth.
      const expected = kindOf(kernel) === "attention" ? 0.5 : 1;
      expect((half[index] ?? 0) / (all[index] ?? 0)).toBeCloseTo(expected, 3);
    });
  });

  test("moves the GPU's clock so that no run begins before it is submitted, and keeps the time between runs", () => {
    const begins = [100, 130];
    const { kernels, host } = traceOf(
      begins.map((begin, run) => runAt(20 * run, o2, (index) => [begin + index, begin + index + 1])),
    );
    const first = kernels.filter(({ args }) => args["kernel"] === 0);
    const submits = host.filter(({ name }) => name === "submit");
    expect(first.map(({ ts }) => ts)).toEqual([4000, 34_000]);
    expect(submits.map(({ ts }) => ts)).toEqual([4000, 24_000]);
    expectApart(kernels);
  });

  test.each([
    ["all zero", () => [0, 0]],
    ["always the same", () => [1e9, 1e9]],
    ["rounded", (index: number) => [Math.floor(index / 4), Math.floor((index + 1) / 4)]],
    ["backwards", (index: number) => [100 - index, 100 - index]],
    ["across each other", (index: number) => [index, index + 3]],
  ] as const)("is right with a clock that is %s", (_, timeOf) => {
    const { kernels } = traceOf([runAt(0, o2, timeOf as (index: number) => [number, number])]);
    expect(kernels).toHaveLength(o2.kernels.length);
    expectApart(kernels);
    for (const { dur, args } of kernels) {
      expect("GFLOP/s" in args).toBe(dur > 0);
      for (const value of Object.values(args)) expect(value).not.toBeNull();
    }
  });

  test("puts overlapping runs on separate tracks, and phases within their runs", () => {
    const { host } = traceOf([runAt(0, o2, undefined), runAt(3, o2, undefined), runAt(30, o2, undefined)]);
    const runs = host.filter(({ name }) => name.startsWith("run "));
    expect(runs.map(({ name, tid }) => [name, tid])).toEqual([
      ["run 0", 0],
      ["run 1", 1],
      ["run 2", 0],
    ]);
    for (const tid of [0, 1]) expectApart(host.filter((span) => span.tid === tid && !span.name.startsWith("run ")));
    expect(host.filter(({ name }) => name === "wait")).toHaveLength(3);
  });

  test("without kernel times has the host's events, and says so", () => {
    const { host, kernels, names, otherData } = traceOf([runAt(0, o2, undefined)]);
    expect(host).toHaveLength(1 + phases.length);
    expect(kernels).toEqual([]);
    expect(otherData["kernel times"]).toMatch(/timestamp-query/);
    expect(JSON.stringify(names)).toMatch(/a GPU, f32, O2: this GPU gives none/);
  });

  test("keeps the first runs if there are too many, and says so", () => {
    const recorder = new TraceRecorder(3 * (1 + phases.length + o2.kernels.length));
    const runs = Array.from({ length: 5 }, (_, run) =>
      runAt(20 * run, o2, (index) => [20 * run + index, 20 * run + index]),
    );
    const { host, otherData } = traceOf(runs, recorder);
    expect(host.filter(({ name }) => name === "wait")).toHaveLength(3);
    expect(otherData).toMatchObject({ runs: 3, "runs left out at the end": 2 });
    expect(recorder.droppedRuns).toBe(2);
  });

  test("of no runs is valid", () => {
    expect(traceOf([])).toMatchObject({ host: [], kernels: [], otherData: { runs: 0 } });
  });
});

test("timestamps are nanoseconds, and an end before its start counts as no time", () => {
  const times = readKernelTimes(BigUint64Array.of(1_000_000n, 1_500_000n, 9_000_000n, 8_000_000n).buffer);
  expect(times).toEqual([
    { index: 0, startMs: 1, endMs: 1.5 },
    { index: 1, startMs: 9, endMs: 9 },
  ]);
});

test("visible pairs are those within a sequence", () => {
  const mask: Tensor = { dtype: "i32", shape: [2, 3], data: Int32Array.of(1, 1, 1, 1, 1, 0) };
  expect(visiblePairs(planPacking(2, 3, mask))).toBe(3 * 3 + 2 * 2);
});
