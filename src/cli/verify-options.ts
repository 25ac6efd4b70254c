/**
 * The options of `fusebert verify`, as commander reads them.
 */
import type { Device } from "../platform/platform.ts";
import type { Precision } from "../verify/precision.ts";

export interface VerifyCommandOptions {
  readonly model?: string;
  readonly revision?: string;
  readonly device: Device;
  readonly threads?: number;
  readonly layer: string;
  readonly text?: string;
  readonly context?: string;
  readonly sequenceLength?: number;
  readonly level?: string;
  readonly precision?: Precision;
  readonly candidate: readonly string[];
  readonly inputs?: string;
  readonly json?: string;
  readonly html?: string;
  readonly budget?: number;
  readonly seed: number;
  readonly writeInputs?: string;
}
