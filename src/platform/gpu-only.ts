/** WebGPU and nothing else: the platform of `fusebert/webgpu`, in a page, a worker or a service worker. */
import { WebGpuEngine } from "../engines/webgpu/webgpu-engine.ts";
import { InputError } from "../errors.ts";
import { findGpu } from "./browser/gpu.ts";
import type { Platform } from "./platform.ts";

const advice = 'Import from "fusebert" instead, which computes on a CPU too.';

export const gpuOnly: Platform = {
  async createEngine(device, { gpu }) {
    if (device !== "webgpu") throw new InputError({ found: `the device is ${device}`, expected: "webgpu", advice });
    return new WebGpuEngine(findGpu(advice), { precision: "auto", ...gpu });
  },
};
