/**
 * Measures occupancy: how many workgroups are resident on a multiprocessor, by the workgroup memory of each, which limits the
 * size of tiles. Running workgroups count each other.
 */
import { GpuDevice } from "../../src/engines/webgpu/device/gpu-device.ts";
import { loadDawn } from "../../src/platform/dawn.ts";
import type { Section } from "./section.ts";

interface MemoryRow {
  readonly kib: number;
  /** Maximum number of workgroups that ran at the same time. */
  readonly resident: number;
}

const sizes = [1, 4, 6, 8, 12, 16, 20, 24, 26, 32, 48];
const workgroups = 8192;

/** How many memory reads a workgroup takes: long enough for all resident workgroups to start. */
const stay = 400;

const source = (kib: number): string => `
var<workgroup> shared_memory: array<u32, ${kib * 256}>;
@group(0) @binding(0) var<storage, read_write> counts: array<atomic<u32>, 3>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) index: u32) {
  shared_memory[index] = index;
  workgroupBarrier();
  if (index > 0u) { return; }
  atomicMax(&counts[1], atomicAdd(&counts[0], 1u) + 1u);
  var sum = 0u;
  for (var read = 0u; read < ${stay}u; read++) { sum += atomicLoad(&counts[2]) + shared_memory[sum % 64u]; }
  // Keeps the compiler from removing the reads.
  if (sum == 1u) { atomicStore(&counts[2], sum); }
  atomicSub(&counts[0], 1u);
}`;

export const residency: Section<MemoryRow> = {
  name: "residency",
  title: "Occupancy",

  async measure(_setup, _side, emit) {
    const gpu = await GpuDevice.open(await loadDawn());
    const { device } = gpu;
    const counts = await gpu.createBuffer(
      "counts",
      16,
      GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    );
    const readback = await gpu.createBuffer("readback", 16, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    for (const kib of sizes.filter((size) => size * 1024 <= gpu.kernelLimits.workgroupMemory)) {
      const module = device.createShaderModule({ code: source(kib) });
      const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
      const entries = [{ binding: 0, resource: { buffer: counts } }];
      const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      const encoder = device.createCommandEncoder();
      encoder.clearBuffer(counts);
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(workgroups);
      pass.end();
      encoder.copyBufferToBuffer(counts, 0, readback, 0, 16);
      device.queue.submit([encoder.finish()]);
      await readback.mapAsync(GPUMapMode.READ);
      emit({ kib, resident: new Uint32Array(readback.getMappedRange())[1] as number });
      readback.unmap();
    }
  },

  async write(report, _setup, run) {
    const { rows, failure } = await run("");
    report.line(
      `The maximum number of workgroups that ran at the same time, of ${workgroups} workgroups of 64 invocations, by the workgroup memory of each. An NVIDIA H200 has 132 multiprocessors.`,
    );
    report.tableHead(["KiB per workgroup", ...rows.map(({ kib }) => String(kib))]);
    report.row(["workgroups", ...rows.map(({ resident }) => String(resident))]);
    report.row(["per multiprocessor of 132", ...rows.map(({ resident }) => (resident / 132).toFixed(1))]);
    if (failure !== undefined) report.row([failure]);
  },
};
