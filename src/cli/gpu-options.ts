/**
 * The options of every command that can compute on a GPU.
 */
import { type Command, Option } from "commander";
import { gpuPrecisions } from "../engines/webgpu/device/precision.ts";
import { devices, type GpuEngineOptions } from "../platform/platform.ts";
import { levels } from "../schedule/levels.ts";
import { defined } from "./parse-options.ts";

export interface GpuCommandOptions {
  readonly precision?: string | undefined;
  readonly level?: string;
  /** Not `--no-self-test`, which commander would read as the negation of another option. */
  readonly skipSelfTest?: boolean;
  readonly debugDir?: string;
  readonly trustedKernels?: boolean;
  readonly persistent?: boolean;
}

/** Adds all of them but `--precision`, whose meaning differs between commands. */
export function addGpuOptions(command: Command): Command {
  return command
    .addOption(new Option("--level <level>", "with --device webgpu: how far kernels are fused").choices([...levels]))
    .option("--skip-self-test", "with --device webgpu: do not check that the GPU computes correctly")
    .option("--debug-dir <folder>", "with --device webgpu: save the source of a kernel that the driver rejects")
    .option("--trusted-kernels", "with --device webgpu: faster, without bounds checks and clearing of memory")
    .option(
      "--persistent",
      "with --device webgpu: attention and feed-forward as one dispatch each, if a self-test passes",
    );
}

/** `--device` of a command that runs a model. */
export const deviceOption = (): Option =>
  new Option(
    "-d, --device <device>",
    "where to compute: auto and cpu take wasm where onnxruntime-node is not installed",
  )
    .choices([...devices])
    .default("auto");

/** `--precision` of a command that runs a model. */
export const precisionOption = (): Option =>
  new Option(
    "-p, --precision <precision>",
    "with --device webgpu (default: f16 where the GPU has it, else f32)",
  ).choices(["auto", ...gpuPrecisions]);

/** @returns undefined if none was given. */
export function gpuOptions(options: GpuCommandOptions): GpuEngineOptions | undefined {
  const { precision, level, skipSelfTest, debugDir: debugFolder, trustedKernels, persistent } = options;
  const chosen = defined({ precision, level, skipSelfTest, debugFolder, trustedKernels, persistent });
  // Commander has checked the choices.
  return Object.keys(chosen).length > 0 ? (chosen as GpuEngineOptions) : undefined;
}
