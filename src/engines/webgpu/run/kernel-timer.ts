/**
 * When each kernel of a run began and ended: timestamps that the GPU writes at both ends of a compute pass, one pass a
 * kernel.
 *
 * All runs of a program share the query sets and the buffer they are resolved into: a run writes, resolves and copies
 * them within one submission, and the device's queue keeps submissions in order. They are read with a run's outputs, from
 * a buffer that is the run's own.
 *
 * Must stay true: everything is made through the program's account with the device, which gives it back.
 */
import type { GpuDevice } from "../device/gpu-device.ts";
import type { KernelTime } from "./run-recording.ts";

/** Queries of one set: the most that WebGPU allows. */
const setSize = 4096;
const timestampBytes = 8;
/** Kernels whose two ends fit into one set. */
const kernelsPerSet = setSize / 2;

export class KernelTimer {
  /** What the timestamps of a run take. */
  readonly bytes: number;
  readonly #querySets: readonly GPUQuerySet[];
  readonly #resolved: GPUBuffer;

  private constructor(querySets: readonly GPUQuerySet[], resolved: GPUBuffer, bytes: number) {
    this.#querySets = querySets;
    this.#resolved = resolved;
    this.bytes = bytes;
  }

  /** @returns `undefined` for a device that gives no times. */
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

  /** What makes a compute pass the timed one of a kernel. */
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

  /** After the last kernel: brings the times to where they can be read. */
  copyTo(encoder: GPUCommandEncoder, readback: GPUBuffer, offset: number): void {
    this.#querySets.forEach((set, index) => {
      encoder.resolveQuerySet(set, 0, set.count, this.#resolved, index * setSize * timestampBytes);
    });
    encoder.copyBufferToBuffer(this.#resolved, 0, readback, offset, this.bytes);
  }
}

/**
 * The times in what `copyTo` copied.
 *
 * The standard promises neither that a timestamp is later than another taken before it, nor how fine the clock is: an end
 * before its start counts as no time at all.
 */
export function readKernelTimes(bytes: ArrayBuffer): KernelTime[] {
  const nanoseconds = new BigUint64Array(bytes);
  return Array.from({ length: nanoseconds.length / 2 }, (_, index) => {
    const startMs = Number(nanoseconds[2 * index]) / 1e6;
    const endMs = Math.max(startMs, Number(nanoseconds[2 * index + 1]) / 1e6);
    return { index, startMs, endMs };
  });
}
