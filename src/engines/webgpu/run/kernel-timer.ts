/**
 * Times each kernel of a run by timestamp queries at both ends of a compute pass, one pass per kernel.
 *
 * All runs of a program share the query sets and the resolve buffer: a run writes, resolves and copies them within one
 * submission, and the device's queue orders submissions. The host reads them from the run's readback buffer.
 *
 * Must stay true: everything is created through the program's account with the device, which releases it.
 */
import type { GpuDevice } from "../device/gpu-device.ts";
import type { KernelTime } from "./run-recording.ts";

/** Queries per set: WebGPU's maximum. */
const setSize = 4096;
const timestampBytes = 8;
const kernelsPerSet = setSize / 2;

export class KernelTimer {
  /** Of the timestamps of a run. */
  readonly bytes: number;
  readonly #querySets: readonly GPUQuerySet[];
  readonly #resolved: GPUBuffer;

  private constructor(querySets: readonly GPUQuerySet[], resolved: GPUBuffer, bytes: number) {
    this.#querySets = querySets;
    this.#resolved = resolved;
    this.bytes = bytes;
  }

  /** @returns `undefined` for a device without timestamp queries. */
  static async create(gpu: GpuDevice, kernels: number): Promise<KernelTimer | undefined> {
    if (!gpu.hasTimestamps) return undefined;
    const bytes = 2 * kernels * timestampBytes;
    const querySets: GPUQuerySet[] = [];
    for (let first = 0; first < kernels; first += kernelsPerSet) {
      const count = 2 * Math.min(kernelsPerSet, kernels - first);
      querySets.push(await gpu.createTimestamps("the times of kernels", count));
    }
    const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
    return new KernelTimer(querySets, await gpu.createBuffer("the times of kernels", bytes, usage), bytes);
  }

  /** Describes the timed compute pass of a kernel. */
  passOf(kernel: number): GPUComputePassDescriptor {
    const first = 2 * (kernel % kernelsPerSet);
    return {
      timestampWrites: {
        querySet: this.#querySets[Math.floor(kernel / kernelsPerSet)] as GPUQuerySet,
        beginningOfPassWriteIndex: first,
        endOfPassWriteIndex: first + 1,
      },
    };
  }

  /** Resolves the queries, after the last kernel, and copies the timestamps into the readback buffer. */
  copyTo(encoder: GPUCommandEncoder, readback: GPUBuffer, offset: number): void {
    this.#querySets.forEach((set, index) => {
      encoder.resolveQuerySet(set, 0, set.count, this.#resolved, index * setSize * timestampBytes);
    });
    encoder.copyBufferToBuffer(this.#resolved, 0, readback, offset, this.bytes);
  }
}

/**
 * Decodes the timestamps that `copyTo` copied. WebGPU guarantees neither monotonic timestamps nor a resolution: an end before
 * its start counts as a duration of zero.
 */
export function readKernelTimes(bytes: ArrayBuffer): KernelTime[] {
  const nanoseconds = new BigUint64Array(bytes);
  return Array.from({ length: nanoseconds.length / 2 }, (_, index) => {
    const startMs = Number(nanoseconds[2 * index]) / 1e6;
    const endMs = Math.max(startMs, Number(nanoseconds[2 * index + 1]) / 1e6);
    return { index, startMs, endMs };
  });
}
