/**
 * Turns a command's options into those a model is loaded with.
 */
import type { LoadOptions } from "../loaded-model.ts";
import type { Device } from "../platform/platform.ts";
import { type GpuCommandOptions, gpuOptions } from "./gpu-options.ts";
import { defined } from "./parse-options.ts";
import type { Progress } from "./progress.ts";

export interface ModelRunOptions extends GpuCommandOptions {
  readonly device: Device;
  readonly revision?: string;
  readonly threads?: number;
}

/** @param progress shows downloads. */
export function loadOptions(options: ModelRunOptions, progress: Progress, signal: AbortSignal): LoadOptions {
  const { device, revision, threads } = options;
  return {
    device,
    ...defined({ revision, threads, gpu: gpuOptions(options) }),
    signal,
    onProgress: ({ file, loaded, total }) => progress.update(`Downloading ${file}`, loaded, total),
  };
}
