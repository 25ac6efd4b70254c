/** Describes a model's question-answering program by level, as the WebGPU engine runs it: packed, only logits as outputs. */
import { type ModelConfig, questionAnsweringProgram } from "../../../architectures/index.ts";
import { selectOutputs } from "../../../program/program.ts";
import { packSequences } from "../../../rewrites/pack-sequences.ts";
import { type Level, levels, scheduleAt } from "../../../schedule/levels.ts";
import type { Schedule } from "../../../schedule/schedule.ts";
import type { GpuPrecision } from "../device/precision.ts";
import { lowerToWgsl } from "../plan/lower.ts";
import { Placement } from "../plan/placement.ts";
import { sizeClassOf } from "../plan/size-classes.ts";
import { defaultLimits, describe, type ScheduleDescription } from "./describe.ts";

export interface LevelDescription extends ScheduleDescription {
  readonly level: Level;
}

/** @param tokens of the batch; attention is counted as if they were one sequence. */
export function explainLevel(
  config: ModelConfig,
  level: Level,
  precision: GpuPrecision,
  tokens: number,
): LevelDescription {
  const schedule = scheduleOf(config, level);
  const extents = new Map([["tokens", tokens] as const]);
  return { level, ...describe(schedule, new Placement(schedule, precision), extents) };
}

export function explainLevels(config: ModelConfig, precision: GpuPrecision, tokens: number): LevelDescription[] {
  return levels.map((level) => explainLevel(config, level, precision, tokens));
}

/**
 * The WGSL of a level's kernels, in dispatch order, for a GPU with WebGPU's default limits.
 * @param tokens of the batch: they select the size class.
 */
export function kernelSources(
  config: ModelConfig,
  level: Level,
  precision: GpuPrecision,
  tokens: number,
): readonly string[] {
  const schedule = scheduleOf(config, level);
  // A software adapter has the same small tiles for every size.
  const limits = { ...defaultLimits, isSoftware: false };
  const lowered = lowerToWgsl(schedule, new Placement(schedule, precision), limits, sizeClassOf(tokens, limits));
  return lowered.map(({ code }) => code);
}

function scheduleOf(config: ModelConfig, level: Level): Schedule {
  const program = selectOutputs(questionAnsweringProgram(config), ["start_logits", "end_logits"]);
  return scheduleAt(packSequences(program) ?? program, level);
}
