/**
 * The kernels of a program's runs: identity, work and time of each.
 *
 * Must stay true: no kernel ends before it starts, or before its predecessor ends, whatever times the GPU reports.
 */
import { type Facts, factsOf, identityOf, type KernelIdentity, type KernelWork, workOf } from "../explain/kernels.ts";
import { sentenceOf } from "../explain/operations.ts";
import type { LoweredKernel } from "../plan/lower.ts";
import type { RunTrace, TracedProgram } from "../run/run-recording.ts";

export interface RunKernel {
  readonly lowered: LoweredKernel;
  readonly identity: KernelIdentity;
  readonly work: KernelWork;
  /** Such as "matmul + bias + GELU". */
  readonly operations: string;
  /** By the GPU's clock, in milliseconds; `undefined` without timestamp queries. */
  readonly time: { readonly start: number; readonly end: number } | undefined;
}

export class ProgramKernels {
  readonly #program: TracedProgram;
  readonly #facts: Facts;
  /** The same in every run, unlike the sources of kernels. */
  readonly #identities: KernelIdentity[] = [];

  constructor(program: TracedProgram) {
    this.#program = program;
    this.#facts = factsOf(program.program);
  }

  /** The kernels of a run, in dispatch order. */
  of({ kernels, times, extents, visiblePairs }: RunTrace): RunKernel[] {
    let free = Number.NEGATIVE_INFINITY;
    return kernels.map((lowered, index) => {
      const measured = times?.[index];
      // Kernels run one after another, even if a coarse or non-monotonic clock reports otherwise.
      const start = Math.max(measured?.startMs ?? free, free);
      free = Math.max(start, measured?.endMs ?? free);
      const identity = this.#identityOf(lowered, index);
      return {
        lowered,
        identity,
        work: workOf(lowered, this.#facts, this.#program.placement, extents, visiblePairs),
        operations: sentenceOf(identity.operations.map(({ name }) => name)),
        time: measured && { start, end: free },
      };
    });
  }

  #identityOf(kernel: LoweredKernel, index: number): KernelIdentity {
    const identity = this.#identities[index] ?? identityOf(kernel, index, this.#facts);
    this.#identities[index] = identity;
    return identity;
  }
}

/** Work per second; empty for a time of zero. */
export function ratesOf(flops: number, bytes: number, ms: number): { "GFLOP/s"?: number; "GB/s"?: number } {
  return ms > 0 ? { "GFLOP/s": rounded(flops / ms / 1e6), "GB/s": rounded(bytes / ms / 1e6) } : {};
}

export const rounded = (value: number): number => Number(value.toPrecision(4));
