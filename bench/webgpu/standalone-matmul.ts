/**
 * One matmul alone, as fast as the engine's kernel for it goes: dispatched over and over in one run, so that neither the
 * host's time nor the copies count. Operands and result are in half precision, random, and there is no bias.
 */
import { GpuDevice } from "../../src/engines/webgpu/device/gpu-device.ts";
import { type LoweredKernel, lowerToWgsl } from "../../src/engines/webgpu/plan/lower.ts";
import { Placement } from "../../src/engines/webgpu/plan/placement.ts";
import { randomTensors } from "../../src/engines/webgpu/tune/synthetic-tensors.ts";
import { KernelRig, type PlacedKernel } from "../../src/engines/webgpu/tune/time-kernel.ts";
import { medianOf } from "../../src/format/median.ts";
import { loadDawn } from "../../src/platform/dawn.ts";
import { gather, input, matmul, parameter, transpose } from "../../src/program/build.ts";
import type { Program, Value } from "../../src/program/program.ts";
import { scheduleAt } from "../../src/schedule/levels.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
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
/** What the repetitions of one run are to take. */
const runMs = 5;
/** Repetitions by which the time of one is guessed, and at most. */
const few = 10;
const mostRepetitions = 1000;
/** The matmul's place among the kernels. */
const place = 1;

/** @returns what gives the microseconds of one dispatch. */
export async function standaloneMatmuls(setup: Setup): Promise<(size: MatmulSize) => Promise<number>> {
  const device = await GpuDevice.open(await loadDawn({ trusted: true }));
  return async (size) => {
    const { program, shapes } = matmulProgram(size);
    const schedule = scheduleAt(program, "O0");
    const placement = new Placement(schedule, setup.half);
    const kernels = lowerToWgsl(schedule, placement, device.kernelLimits, size.rows);
    const inputs = idsOf(size);
    const parts = { program: schedule.program, placement, kernels, layers: 1, roomFor: [] };
    const rig = await KernelRig.create(device, parts, randomTensors(shapes, setup.half !== "f32"), inputs);
    const matmul: PlacedKernel = { index: place, kernel: kernels[place] as LoweredKernel };
    const time = (count: number): Promise<number> => rig.time([matmul], inputs, count);
    await timeRuns(() => time(few), setup.warmUpMs / 5, 0);
    const guess = Math.max(await time(few), 0.001);
    const count = Math.min(mostRepetitions, Math.max(few, Math.ceil(runMs / guess)));
    const times: number[] = [];
    for (let run = 0; run < setup.runs.batch; run++) times.push(await time(count));
    rig.close();
    return 1000 * medianOf(times);
  };
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
