/**
 * The time of each kernel of a run by GPU timestamps, with its FLOPs and bytes.
 *
 * Each kernel is timed in its own compute pass, whose overhead is measured with an empty kernel.
 */

import { allBytes } from "../../src/engines/webgpu/explain/costs.ts";
import { factsOf, identityOf, type KernelIdentity, workOf } from "../../src/engines/webgpu/explain/kernels.ts";
import type { LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";
import type { RunTrace } from "../../src/engines/webgpu/run/run-recording.ts";
import { WebGpuEngine } from "../../src/engines/webgpu/webgpu-engine.ts";
import { medianOf } from "../../src/format/median.ts";
import { loadDawn } from "../../src/platform/dawn.ts";
import { add, constant, input } from "../../src/program/build.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { compileBert, type FusebertOptions, inputsOf } from "./fusebert.ts";
import { runsOf, type Setup, type Work } from "./setup.ts";
import { timeRuns } from "./timing.ts";

export interface TimedKernel {
  readonly lowered: LoweredKernel;
  readonly identity: KernelIdentity;
  readonly flops: number;
  readonly bytes: number;
  /** Median in microseconds, including the overhead of its pass. */
  readonly us: number;
}

/** Times the kernels of BERT, by default trusted and in half precision. @returns a function that times a batch. */
export async function kernelTimer(
  setup: Setup,
  options: Partial<FusebertOptions> = {},
): Promise<(work: Work) => Promise<TimedKernel[]>> {
  let runs: RunTrace[] = [];
  const onTrace = (run: RunTrace): number => runs.push(run);
  const bert = await compileBert(setup, { precision: setup.half, trusted: true, ...options, onTrace });
  return async (work) => {
    const inputs = inputsOf(setup, work);
    await timeRuns(() => bert.run(inputs), setup.warmUpMs, 0);
    runs = [];
    await timeRuns(() => bert.run(inputs), 0, runsOf(setup, work));
    return timedKernels(runs);
  };
}

/** The kernels of repeated runs of one program. */
export function timedKernels(runs: readonly RunTrace[]): TimedKernel[] {
  const [first] = runs;
  if (first === undefined) return [];
  const { program, kernels, extents, visiblePairs } = first;
  const facts = factsOf(program.program);
  const medians = medianTimes(runs);
  return kernels.map((lowered, index) => {
    const { flops, bytes } = workOf(lowered, facts, program.placement, extents, visiblePairs);
    const identity = identityOf(lowered, index, facts);
    return { lowered, identity, flops, bytes: allBytes(bytes), us: medians[index] as number };
  });
}

/** The median of each kernel, in microseconds. */
function medianTimes(runs: readonly RunTrace[]): number[] {
  return (runs[0]?.kernels ?? []).map((_, index) => {
    const times = runs.map((run) => run.times?.[index]);
    if (times.includes(undefined)) throw new RangeError("this GPU has no timestamps of kernels");
    return medianOf(times.map((time) => (time ? 1000 * (time.endMs - time.startMs) : Number.NaN)));
  });
}

const emptyKernels = 50;

/** The overhead of a compute pass: the time of a kernel of four additions that depends on the kernel before. */
export async function passOverheadUs({ warmUpMs }: Pick<Setup, "warmUpMs">): Promise<number> {
  let chain = input("x", [4], "real");
  for (let index = 0; index < emptyKernels; index++) chain = add(chain, constant(1));
  const runs: RunTrace[] = [];
  const engine = new WebGpuEngine(await loadDawn({ trusted: true }), {
    precision: "f32",
    level: "O0",
    skipSelfTest: true,
    onTrace: (run) => runs.push(run),
  });
  const executable = await engine.compile({ outputs: new Map([["y", chain]]) }, async (name) => {
    throw new RangeError(`there is no parameter ${name}`);
  });
  const inputs = new Map<string, Tensor>([["x", { dtype: "f32", shape: [4], data: new Float32Array(4) }]]);
  await timeRuns(() => executable.run(inputs), warmUpMs, 10);
  await engine.dispose();
  return medianOf(medianTimes(runs.slice(-10)));
}
