/**
 * PyTorch's side (`torch-bert.py`), for comparison in the same session; a missing PyTorch is reported as its failure.
 */
import { repositoryFile } from "../repository-file.ts";
import type { Setup } from "./setup.ts";
import { collect, type SideResult } from "./side.ts";
import type { Time } from "./timing.ts";

interface TorchRow {
  /** For display: PyTorch's version and mode. */
  readonly name: string;
  readonly error?: string;
}

export interface LatencyRow extends TorchRow {
  readonly batch: number;
  readonly sequence: number;
  /** Time from host to host, and of the device only. */
  readonly host?: Time;
  readonly device?: Time;
}

export interface ThroughputRow extends TorchRow {
  readonly time?: Time;
  /** Number of tokens, including padding. */
  readonly tokens?: number;
}

export interface MatmulRow extends TorchRow {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly us?: number;
}

export type TorchTask = "latency" | "throughput" | "matmul";

/** @param details further parameters of the task. */
export function runTorch<Row extends TorchRow>(
  task: TorchTask,
  { config, warmUpMs, runs }: Setup,
  details: Readonly<Record<string, unknown>>,
): Promise<SideResult<Row>> {
  const request = JSON.stringify({ task, config, warmUpMs, runs, ...details });
  return collect("python3", [repositoryFile("bench/webgpu/torch-bert.py"), request]);
}
