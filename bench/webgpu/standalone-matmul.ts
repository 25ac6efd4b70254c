/**
 * The speed of the engine's kernel for one matmul: repeated dispatches in one run, so that host time and copies do not count.
 * Operands and result are random, in half precision, without a bias.
 */
import { GpuDevice } from "../../src/engines/webgpu/device/gpu-device.ts";
import { loadFamilies } from "../../src/engines/webgpu/kernels/families.ts";
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

/** `[m, k] × [k, n]` */
export interface MatmulSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

export const matmulFlops = ({ m, n, k }: MatmulSize): number => 2 * m * n * k;

/** Rows of the table from which the left operand is gathered. */
const tableRows = 4096;
/** Target time of one run. */
const runMs = 5;
/** Repetitions for an estimate of the time of one, which is also the minimum. */
const minRepetitions = 10;
const maxRepetitions = 1000;
/** The matmul's index among the kernels. */
const matmulIndex = 1;

/** @returns a function that gives the microseconds of one dispatch. */
export async function standaloneMatmuls(setup: Setup): Promise<(size: MatmulSize) => Promise<number>> {
  const device = await GpuDevice.open(await loadDawn({ trusted: true }));
  await loadFamilies(device.kernelLimits);
  return async (size) => {
    const { program, shapes } = matmulProgram(size);
    const schedule = scheduleAt(program, "O0");
    const placement = new Placement(schedule, setup.half);
    const kernels = lowerToWgsl(schedule, placement, device.kernelLimits, size.m);
    const inputs = idsOf(size);
    const parts = { program: schedule.program, placement, kernels, layers: 1, roomFor: [] };
    const rig = await KernelRig.create(device, parts, randomTensors(shapes, setup.half !== "f32"), inputs);
    const matmul: PlacedKernel = { index: matmulIndex, kernel: kernels[matmulIndex] as LoweredKernel };
    const time = (count: number): Promise<number> => rig.time([matmul], inputs, count);
    await timeRuns(() => time(minRepetitions), setup.warmUpMs / 5, 0);
    const estimate = Math.max(await time(minRepetitions), 0.001);
    const count = Math.min(maxRepetitions, Math.max(minRepetitions, Math.ceil(runMs / estimate)));
    const times: number[] = [];
    for (let run = 0; run < setup.runs.batch; run++) times.push(await time(count));
    rig.close();
    return 1000 * medianOf(times);
  };
}

/**
 * Three kernels, of which the matmul is the second. The first gathers rows of a table as the left operand, in half precision;
 * the third is a GEMV that reads the result, which thus is no output and stays in half precision, too.
 */
function matmulProgram({ n, k }: MatmulSize): {
  readonly program: Program;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
} {
  const shapes = new Map([
    ["table", [tableRows, k]],
    ["weight", [n, k]],
    ["head", [2, n]],
  ]);
  const [table, weight, head] = [...shapes].map(([name, shape]) => parameter(name, shape)) as [Value, Value, Value];
  const left = gather(table, input("ids", ["tokens"], "integer"));
  const product = matmul(left, transpose(weight, [1, 0]));
  return { program: { outputs: new Map([["y", matmul(product, transpose(head, [1, 0]))]]) }, shapes };
}

function idsOf({ m }: MatmulSize): Map<string, Tensor> {
  const data = Int32Array.from({ length: m }, (_, index) => (index * 797) % tableRows);
  return new Map([["ids", { dtype: "i32", shape: [m], data }]]);
}
