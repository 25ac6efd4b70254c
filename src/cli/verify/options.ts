/**
 * The options of `fusebert verify`, as commander returns them.
 */

import type { GpuPrecision } from "../../engines/webgpu/device/precision.ts";
import type { Device } from "../../platform/platform.ts";
import type { Precision } from "../../verify/layer/precision.ts";
import type { GpuCommandOptions } from "../gpu-options.ts";
import type { ModelOptions } from "../model-options.ts";

export interface VerifyCommandOptions extends Omit<GpuCommandOptions, "precision">, ModelOptions {
  readonly device: Device;
  readonly threads?: number;
  readonly layer: string;
  readonly text?: string;
  readonly context?: string;
  readonly sequenceLength?: number;
  readonly precision?: Precision | GpuPrecision | "auto";
  readonly candidate: readonly string[];
  readonly inputs?: string;
  readonly json?: string;
  readonly html?: string;
  readonly budget?: number;
  readonly seed: number;
  readonly writeInputs?: string;
}
