/**
 * The latency of a batch from token ids on the host to logits on the host: fusebert in its precisions, ONNX Runtime's WebGPU
 * provider with the same weights, PyTorch with a CUDA graph, and the targets.
 */
import type { GpuPrecision } from "../../src/engines/webgpu/device/precision.ts";
import { messageOf } from "../../src/errors.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import type { Report } from "../report.ts";
import { compileBert, type FusebertOptions, inputsOf } from "./fusebert.ts";
import { startOnnxRuntime } from "./onnx-runtime.ts";
import type { Section } from "./section.ts";
import { nameOfWork, runsOf, type Setup } from "./setup.ts";
import type { SideResult } from "./side.ts";
import { formatTime, type Time, timeRuns } from "./timing.ts";
import { type LatencyRow, runTorch } from "./torch.ts";

interface WorkRow extends Partial<Time> {
  /** Index into `Setup.works`. */
  readonly work: number;
  readonly error?: string;
}

/** Prepares a side. @returns a function that prepares a batch and returns a function that computes it. */
type Side = (setup: Setup) => Promise<(inputs: ReadonlyMap<string, Tensor>) => () => Promise<unknown>>;

const fusebert =
  (precision: GpuPrecision, trusted: boolean, options: Partial<FusebertOptions> = {}): Side =>
  async (setup) => {
    const bert = await compileBert(setup, { precision, trusted, ...options });
    return (inputs) => () => bert.run(inputs);
  };

const ours: Readonly<Record<string, Side>> = {
  "fusebert f16, trusted kernels": fusebert("f16", true),
  "fusebert f16, trusted kernels, persistent": fusebert("f16", true, { persistent: true }),
  "fusebert f16": fusebert("f16", false),
  "fusebert f16-storage": fusebert("f16-storage", false),
  "fusebert f32, trusted kernels": fusebert("f32", true),
  "fusebert f16, no subgroup matrix": fusebert("f16", false, { tensorCores: false }),
  "fusebert f32": fusebert("f32", false),
};

/** The sides with targets, because a single process may be slowed by other load on a shared host. */
const measuredThrice = new Set(["fusebert f16, trusted kernels", "fusebert f16, no subgroup matrix", "fusebert f32"]);

const onnxRuntime: Readonly<Record<string, Side>> = {
  "ONNX Runtime WebGPU f16": (setup) => startOnnxRuntime(setup, "f16"),
  "ONNX Runtime WebGPU f32": (setup) => startOnnxRuntime(setup, "f32"),
};

/** Targets for BERT-base on an NVIDIA H200, in ms. */
const targets = { "at most": [0.8, 1.2, 4, 12], goal: [0.5, 0.66, 1.7, 6] } as const;

/** A row of the table: the median of each batch, if it was measured. */
interface Medians {
  readonly name: string;
  readonly medians: readonly (number | undefined)[];
}

export const latency: Section<WorkRow> = {
  name: "latency",
  title: "Latency",

  async measure(setup, name, emit) {
    const side = ours[name] ?? onnxRuntime[name];
    if (side === undefined) throw new RangeError(`There is no side ${name}.`);
    const runOf = await side(setup);
    for (const [work, size] of setup.works.entries()) {
      // After the first batch the GPU is already warm.
      const warmUpMs = setup.warmUpMs / (work === 0 ? 1 : 3);
      try {
        emit({ work, ...(await timeRuns(runOf(inputsOf(setup, size)), warmUpMs, runsOf(setup, size))) });
      } catch (error) {
        emit({ work, error: messageOf(error).split("\n", 1)[0] ?? "" });
      }
    }
  },

  async write(report, setup, run) {
    report.line(
      `Milliseconds from token ids on the host to logits on the host, median of ${setup.runs.single} runs (${setup.runs.batch} for batches of several sequences), the fastest in brackets. Each row is a separate process after warm-up; ${[...measuredThrice].join("; ")} have three, and show the process with the middle median for each batch. Dawn checks every index, unless kernels are trusted. A stable browser has f32, and f16 without subgroup matrix.${setup.name === "base" ? " The last rows are the targets of fusebert in f16 with trusted kernels on an NVIDIA H200." : ""}`,
    );
    report.tableHead(["", ...setup.works.map(nameOfWork)]);
    const write = async (sides: Readonly<Record<string, Side>>): Promise<Medians[]> => {
      const results = new Map<string, SideResult<WorkRow>[]>(Object.keys(sides).map((name) => [name, []]));
      // In rounds, so that temporary load on the host affects few processes of one side.
      for (let round = 0; round < 3; round++) {
        for (const [name, list] of results) if (round === 0 || measuredThrice.has(name)) list.push(await run(name));
      }
      return [...results].map(([name, list]) => writeSide(report, setup, name, middleOf(setup, list)));
    };
    const fuseberts = await write(ours);
    const peers = await write(onnxRuntime);
    const torch = await writeTorch(report, setup);
    if (setup.name === "base") for (const [name, ms] of Object.entries(targets)) report.row([`*${name}*`, ...ms]);
    writeRatios(report, setup, fuseberts, { "ONNX Runtime WebGPU": peers, PyTorch: torch });
  },
};

/** For each batch the row with the middle median. */
function middleOf(setup: Setup, results: readonly SideResult<WorkRow>[]): SideResult<WorkRow> {
  const rows = setup.works.flatMap((_, work) => {
    const all = results.flatMap((result) => result.rows.filter((row) => row.work === work));
    const timed = all.filter(({ median }) => isKnown(median)).sort((a, b) => Number(a.median) - Number(b.median));
    return timed[Math.floor(timed.length / 2)] ?? all[0] ?? [];
  });
  return { rows, failure: results.map(({ failure }) => failure).find((failure) => failure !== undefined) };
}

function writeSide(report: Report, setup: Setup, name: string, { rows, failure }: SideResult<WorkRow>): Medians {
  const found = setup.works.map((_, work) => rows.find((row) => row.work === work));
  const cells = found.map((row) => {
    if (row === undefined) return "";
    return row.median === undefined || row.fastest === undefined ? (row.error ?? "") : formatTime(row as Time);
  });
  report.row([name, ...(rows.length === 0 ? [failure ?? "no measurement"] : cells)]);
  if (rows.length > 0 && failure !== undefined) report.row([`${name} failed`, failure]);
  return { name, medians: found.map((row) => row?.median) };
}

/** @returns the times from host to host, which are compared. */
async function writeTorch(report: Report, setup: Setup): Promise<Medians[]> {
  const { rows, failure } = await runTorch<LatencyRow>("latency", setup, {
    works: setup.works,
    compiled: setup.works.filter(([batch]) => batch > 1),
  });
  const written = [...new Set(rows.map(({ name }) => name))].map((name): Medians => {
    const found = setup.works.map(([batch, sequence]) =>
      rows.find((row) => row.name === name && row.batch === batch && row.sequence === sequence),
    );
    report.row([name, ...found.map((row) => (row?.host ? formatTime(row.host) : (row?.error ?? "")))]);
    report.row([
      `${name}, device time without copies`,
      ...found.map((row) => (row?.device ? formatTime(row.device) : "")),
    ]);
    return { name, medians: found.map((row) => row?.host?.median) };
  });
  if (failure !== undefined) report.row(["PyTorch", failure]);
  return written;
}

function writeRatios(
  report: Report,
  setup: Setup,
  fuseberts: readonly Medians[],
  others: Readonly<Record<string, readonly Medians[]>>,
): void {
  const present = Object.entries(others).filter(([, rows]) => rows.some(({ medians }) => medians.some(isKnown)));
  if (present.length === 0) return;
  report.line("\nSpeedup over the fastest row of each of the others, from host to host:");
  report.tableHead(["", "over", ...setup.works.map(nameOfWork)]);
  for (const { name, medians } of fuseberts.filter((row) => row.medians.some(isKnown))) {
    for (const [other, rows] of present) {
      const cells = medians.map((median, work) => {
        const best = Math.min(...rows.map((row) => row.medians[work]).filter(isKnown));
        return median !== undefined && Number.isFinite(best) ? `${(best / median).toFixed(2)} ×` : "";
      });
      report.row([name, other, ...cells]);
    }
  }
}

const isKnown = (median: number | undefined): median is number => median !== undefined;
