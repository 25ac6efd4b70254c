/**
 * PyTorch's side (`torch-bert.py`), for comparison in the same session. Where there is no PyTorch, that is what is found.
 */
import { repositoryFile } from "../repository-file.ts";
import type { Setup } from "./setup.ts";
import { collect, type SideResult } from "./side.ts";
import type { Time } from "./timing.ts";

interface TorchRow {
  /** How it was run. */
  readonly name: string;
  readonly error?: string;
}

export interface LatencyRow extends TorchRow {
  readonly batch: number;
  readonly sequence: number;
  /** From host to host, and of the device alone. */
  readonly host?: Time;
  readonly device?: Time;
}

export interface ThroughputRow extends TorchRow {
  readonly time?: Time;
  /** Padding included. */
  readonly tokens?: number;
}

export interface MatmulRow extends TorchRow {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly us?: number;
}

export type TorchTask = "latency" | "throughput" | "matmul";

/** @param details what the task needs to know beside the model. */
export function runTorch<Row extends TorchRow>(
  task: TorchTask,
  { config, warmUpMs, runs }: Setup,
  details: Readonly<Record<string, unknown>>,
): Promise<SideResult<Row>> {
  const request = JSON.stringify({ task, config, warmUpMs, runs, ...details });
  return collect("python3", [repositoryFile("bench/webgpu/torch-bert.py"), request]);
}
