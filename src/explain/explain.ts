/**
 * The question-answering program of a model, level by level, as the WebGPU engine runs it: packed, its logits the only
 * outputs.
 */
import type { BertConfig } from "../checkpoint/config.ts";
import type { GpuPrecision } from "../engines/webgpu/codegen/storage.ts";
import { Placement } from "../engines/webgpu/placement.ts";
import { type Level, levels, scheduleAt } from "../passes/levels.ts";
import { packSequences } from "../passes/pack-sequences.ts";
import { bertForQuestionAnswering } from "../program/bert.ts";
import { selectOutputs } from "../program/program.ts";
import { describe, type ScheduleDescription } from "./describe.ts";

export interface LevelDescription extends ScheduleDescription {
  readonly level: Level;
}

/** @param tokens of all sequences together; attention is counted as over one sequence. */
export function explainLevel(
  config: BertConfig,
  level: Level,
  precision: GpuPrecision,
  tokens: number,
): LevelDescription {
  const program = selectOutputs(bertForQuestionAnswering(config), ["start_logits", "end_logits"]);
  const schedule = scheduleAt(packSequences(program) ?? program, level);
  const extents = new Map([["tokens", tokens] as const]);
  return { level, ...describe(schedule, new Placement(schedule, precision), extents) };
}

export function explainLevels(config: BertConfig, precision: GpuPrecision, tokens: number): LevelDescription[] {
  return levels.map((level) => explainLevel(config, level, precision, tokens));
}
