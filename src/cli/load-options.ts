/**
 * From the options of a command that runs a model to how the model is loaded.
 */
import type { LoadOptions } from "../loaded-model.ts";
import type { Device } from "../platform/platform.ts";
import { type GpuCommandOptions, gpuOptions } from "./gpu-options.ts";
import type { Progress } from "./progress.ts";

export interface ModelRunOptions extends GpuCommandOptions {
  readonly device: Device;
  readonly revision?: string;
  readonly threads?: number;
}

/** @param progress shows what is downloaded. */
export function loadOptions(options: ModelRunOptions, progress: Progress, signal: AbortSignal): LoadOptions {
  const { device, revision, threads } = options;
  const gpu = gpuOptions(options);
  return {
    device,
    ...(revision !== undefined && { revision }),
    ...(threads !== undefined && { threads }),
    ...(gpu && { gpu }),
    signal,
    onProgress: ({ file, loaded, total }) => progress.update(`Downloading ${file}`, loaded, total),
  };
}
