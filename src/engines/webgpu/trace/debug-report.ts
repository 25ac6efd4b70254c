/**
 * The report of FUSEBERT_DEBUG (docs/debugging.md): every run as text, from the same data as a trace. Of earlier runs only
 * the names of the sources shown are kept.
 */
import { displayable } from "../../../format/displayable.ts";
import { allBytes } from "../explain/costs.ts";
import { namesOf } from "../explain/kernels.ts";
import type { KernelPlan } from "../plan/kernel-plan.ts";
import type { OnTrace, RunTrace, TracedProgram } from "../run/run-recording.ts";
import { ProgramKernels, type RunKernel, ratesOf, rounded } from "./run-kernels.ts";

/** 1: kernels with their times; 2: also totals and the host; 3: also tiles; 4: also sources. */
export type DebugLevel = 1 | 2 | 3 | 4;

export class DebugReport {
  readonly #level: DebugLevel;
  readonly #write: (text: string) => void;
  readonly #programs = new WeakMap<TracedProgram, ProgramKernels>();
  /** Names of kernels by source, of those already shown. */
  readonly #shown = new Map<string, string>();
  #runs = 0;

  /** @param write takes whole lines. */
  constructor(level: DebugLevel, write: (text: string) => void) {
    this.#level = level;
    this.#write = write;
  }

  /** The engine's option `onTrace`. */
  readonly onTrace: OnTrace = (run) => {
    const program = this.#programs.get(run.program) ?? new ProgramKernels(run.program);
    this.#programs.set(run.program, program);
    const kernels = program.of(run);
    const names = namesOf(kernels.map(({ identity }) => identity));
    const lines = [
      headOf(run, this.#runs++, kernels),
      ...kernels.flatMap((kernel, index) => this.#linesOf(kernel, names[index] ?? "")),
      ...(this.#level >= 2 ? [...totalsOf(kernels), hostOf(run)] : []),
    ];
    this.#write(`${lines.join("\n")}\n`);
  };

  #linesOf(kernel: RunKernel, name: string): string[] {
    const { identity, work, operations } = kernel;
    const shape = work.shape.join(" × ");
    return [
      `  ${identity.index} ${name}: ${speedOf([kernel])}; ${shape}; ${operations}`,
      ...(this.#level >= 3 ? kernel.lowered.plans.flatMap((plan) => tileLine(plan, kernel.lowered.maxRows)) : []),
      ...(this.#level >= 4 ? [this.#sourceOf(kernel.lowered.code, name)] : []),
    ];
  }

  #sourceOf(code: string, name: string): string {
    const first = this.#shown.get(code);
    if (first !== undefined) return `    source: as of ${first}`;
    this.#shown.set(code, name);
    return `    source:\n${code.trimEnd().replaceAll(/^(?=.)/gm, "      ")}`;
  }
}

function headOf({ program, extents }: RunTrace, number: number, kernels: readonly RunKernel[]): string {
  const sizes = [...extents].map(([name, extent]) => `${extent} ${name}`).join(", ");
  const { device, precision, level } = program;
  const time = timeOf(kernels);
  const took = time === undefined ? "no times: the GPU has no feature timestamp-query" : milliseconds(time);
  return `fusebert debug: run ${number}, ${sizes}, ${displayable(device)}, ${precision}, ${level}: ${kernels.length} kernels, ${took}`;
}

/** The kernels' total time; `undefined` if there are no times. */
function timeOf(kernels: readonly RunKernel[]): number | undefined {
  if (kernels.some(({ time }) => time === undefined)) return undefined;
  return kernels.reduce((sum, { time }) => sum + (time ? time.end - time.start : 0), 0);
}

function speedOf(kernels: readonly RunKernel[]): string {
  const ms = timeOf(kernels) ?? 0;
  const flops = kernels.reduce((sum, { work }) => sum + work.flops, 0);
  const bytes = kernels.reduce((sum, { work }) => sum + allBytes(work.bytes), 0);
  const { "GFLOP/s": flopRate = "-", "GB/s": byteRate = "-" } = ratesOf(flops, bytes, ms);
  return `${ms > 0 ? milliseconds(ms) : "- ms"}, ${flopRate} GFLOP/s, ${byteRate} GB/s`;
}

const milliseconds = (ms: number): string => `${rounded(ms)} ms`;

function totalsOf(kernels: readonly RunKernel[]): string[] {
  const kinds = [...new Set(kernels.map(({ identity }) => identity.kind))];
  return kinds.map((kind) => {
    const alike = kernels.filter(({ identity }) => identity.kind === kind);
    return `  total of ${alike.length} ${kind}: ${speedOf(alike)}`;
  });
}

/** The sum of each of the host's phases: some occur twice. */
function hostOf({ host }: RunTrace): string {
  const sums = new Map<string, number>();
  for (const { phase, startMs, endMs } of host) sums.set(phase, (sums.get(phase) ?? 0) + endMs - startMs);
  return `  host: ${[...sums].map(([phase, ms]) => `${phase} ${milliseconds(ms)}`).join(", ")}`;
}

/** Empty for a family without a choice of tiles. */
function tileLine({ family, tile, why }: KernelPlan, maxRows: number): string[] {
  if (family.tuning === undefined) return [];
  const sizes = Object.entries(tile).map(([name, size]) => `${name} ${Array.isArray(size) ? size.join("×") : size}`);
  const rows = Number.isFinite(maxRows) ? `up to ${maxRows} rows` : "any number of rows";
  return [`    tile of a ${family.name}: ${sizes.join(", ")}; ${why}, for ${rows}`];
}
