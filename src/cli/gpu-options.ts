/**
 * The options of every command that can compute on a GPU.
 */
import { type Command, Option } from "commander";
import { gpuPrecisions } from "../engines/webgpu/device/precision.ts";
import { devices, type GpuEngineOptions } from "../platform/platform.ts";
import { levels } from "../schedule/levels.ts";

export interface GpuCommandOptions {
  readonly precision?: string | undefined;
  readonly level?: string;
  /** `--no-self-test` would be a denial; commander names this one by its own words. */
  readonly skipSelfTest?: boolean;
  readonly debugDir?: string;
  readonly trustedKernels?: boolean;
  readonly persistent?: boolean;
}

/** Adds them, all but the precision, whose meaning is a command's own. */
export function addGpuOptions(command: Command): Command {
  return command
    .addOption(new Option("--level <level>", "with --device webgpu: how far kernels are fused").choices([...levels]))
    .option("--skip-self-test", "with --device webgpu: take the GPU as it is, even if it computes wrongly")
    .option("--debug-dir <folder>", "with --device webgpu: where to save the source of a kernel that is refused")
    .option("--trusted-kernels", "with --device webgpu: faster, without checks of every index or clearing of memory")
    .option(
      "--persistent",
      "with --device webgpu: attention and feed-forward as a dispatch each, where a test allows it",
    );
}

/** `--device` of a command that runs a model on one. */
export const deviceOption = (): Option =>
  new Option("-d, --device <device>", "where to compute").choices([...devices]).default("auto");

/** `--precision` of a command that runs a model. */
export const precisionOption = (): Option =>
  new Option(
    "-p, --precision <precision>",
    "with --device webgpu (default: f16 where the GPU has it, else f32)",
  ).choices(["auto", ...gpuPrecisions]);

/** @returns nothing if none was given. */
export function gpuOptions(options: GpuCommandOptions): GpuEngineOptions | undefined {
  const { precision, level, skipSelfTest, debugDir, trustedKernels, persistent } = options;
  const chosen = {
    ...(precision !== undefined && { precision }),
    ...(level !== undefined && { level }),
    ...(skipSelfTest && { skipSelfTest }),
    ...(debugDir !== undefined && { debugFolder: debugDir }),
    ...(trustedKernels && { trustedKernels }),
    ...(persistent && { persistent }),
  };
  // Commander has checked the choices.
  return Object.keys(chosen).length > 0 ? (chosen as GpuEngineOptions) : undefined;
}
