/**
 * One matmul alone, as fast as the engine's kernel for it goes: dispatched over and over in one run, so that neither the
 * host's time nor the copies count. Operands and result are in half precision, random, and there is no bias.
 */
import { GpuDevice } from "../../src/engines/webgpu/gpu-device.ts";
import { GpuProgram } from "../../src/engines/webgpu/gpu-program.ts";
import { type LoweredKernel, lowerToWgsl } from "../../src/engines/webgpu/lower.ts";
import { Placement } from "../../src/engines/webgpu/placement.ts";
import { scheduleAt } from "../../src/passes/levels.ts";
import { loadDawn } from "../../src/platform/dawn.ts";
import { gather, input, matmul, parameter, transpose } from "../../src/program/build.ts";
import type { Program, Value } from "../../src/program/program.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { randomTensors } from "./random-bert.ts";
import type { Setup } from "./setup.ts";
import { timeRuns } from "./timing.ts";

/** `[rows, inner] × [inner, columns]` */
export interface MatmulSize {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

export const matmulFlops = ({ rows, inner, columns }: MatmulSize): number => 2 * rows * inner * columns;

/** Rows of the table that the left operand is gathered from. */
const tableRows = 4096;
/** What the repetitions of one run are to take, against which its other two kernels are nothing. */
const runMs = 5;
/** Repetitions by which the time of one is guessed, and at most. */
const few = 10;
const mostRepetitions = 1000;
/** Runs under way together. */
const together = 4;

/** @returns what gives the microseconds of one dispatch. */
export async function standaloneMatmuls(setup: Setup): Promise<(size: MatmulSize) => Promise<number>> {
  const device = await GpuDevice.open(await loadDawn({ trusted: true }));
  return async (size) => {
    const guess = Math.max(await dispatchMs(device, setup, size, few), 0.001);
    const count = Math.min(mostRepetitions, Math.max(few, Math.ceil(runMs / guess)));
    return 1000 * (await dispatchMs(device, setup, size, count));
  };
}

/**
 * Of a dispatch, when a run has so many. Several runs under way together, less one alone: while the GPU computes the first
 * the host records the others, so that the GPU never waits.
 */
async function dispatchMs(device: GpuDevice, setup: Setup, size: MatmulSize, count: number): Promise<number> {
  const { program, shapes } = matmulProgram(size);
  const schedule = scheduleAt(program, "O0");
  const placement = new Placement(schedule, setup.half);
  const lowered = lowerToWgsl(schedule, placement, device.kernelLimits, size.rows);
  const kernels = lowered.flatMap((kernel, index) => new Array<LoweredKernel>(index === 1 ? count : 1).fill(kernel));
  const parts = { schedule, lowerings: [{ mostRows: size.rows, kernels }], placement, isTraced: false } as const;
  const compiled = await GpuProgram.create(device, parts, randomTensors(shapes, setup.half !== "f32"));
  const inputs = idsOf(size);
  const msOf = async (runs: number): Promise<number> => {
    const run = (): Promise<unknown> => Promise.all(Array.from({ length: runs }, () => compiled.run(inputs)));
    return (await timeRuns(run, setup.warmUpMs / 5, setup.runs.batch)).median;
  };
  const [several, one] = [await msOf(together), await msOf(1)];
  compiled.dispose();
  return (several - one) / (together - 1) / count;
}

/**
 * Three kernels, the matmul the second. Before it rows of a table become the left operand, in half precision; after it a
 * narrow matmul reads the result, which so is no output and stays in half precision too.
 */
function matmulProgram({ inner, columns }: MatmulSize): {
  readonly program: Program;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
} {
  const shapes = new Map([
    ["table", [tableRows, inner]],
    ["weight", [columns, inner]],
    ["narrow", [2, columns]],
  ]);
  const [table, weight, narrow] = [...shapes].map(([name, shape]) => parameter(name, shape)) as [Value, Value, Value];
  const left = gather(table, input("ids", ["tokens"], "integer"));
  const product = matmul(left, transpose(weight, [1, 0]));
  return { program: { outputs: new Map([["y", matmul(product, transpose(narrow, [1, 0]))]]) }, shapes };
}

function idsOf({ rows }: MatmulSize): Map<string, Tensor> {
  const data = Int32Array.from({ length: rows }, (_, index) => (index * 797) % tableRows);
  return new Map([["ids", { dtype: "i32", shape: [rows], data }]]);
}
