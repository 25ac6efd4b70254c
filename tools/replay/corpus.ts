/**
 * Every kernel that is compared: models and random programs at every level, in every precision, for devices of every kind and
 * for runs of every size; and models' kernels in the tiles that the tuner may propose.
 *
 * Must stay true: the same kernels in the same places, whenever the same sources generate them.
 */

import type { ModelConfig } from "../../src/architectures/index.ts";
import { lowerForAllSizes } from "../../src/engines/webgpu/plan/lower.ts";
import { Placement } from "../../src/engines/webgpu/plan/placement.ts";
import { bestLevel, type Level, levels, scheduleAt } from "../../src/schedule/levels.ts";
import { type Device, devices, fewDevices } from "./devices.ts";
import { type GeneratedKernel, generated } from "./fingerprint.ts";
import { answering, models, type NamedProgram, otherPrograms, random } from "./programs.ts";
import { kernelsInTiles, tunedCases } from "./tiles.ts";

export interface Selection {
  /** Cases whose names have it. Absent: all. */
  readonly only: string | undefined;
  /** Every tile that the tuner may propose, not some of each kernel's. */
  readonly everything: boolean;
}

/** Kernels generated in sequence. */
export interface Case {
  readonly name: string;
  readonly kernels: () => Iterable<GeneratedKernel[]>;
}

export function casesOf({ only = "", everything }: Selection): Case[] {
  return [...allCases(everything)].filter(({ name }) => name.includes(only));
}

function* allCases(everything: boolean): Generator<Case> {
  for (const [model, config] of Object.entries(models)) {
    yield* programCases(model, answering(config), devices);
    for (const program of otherPrograms(config)) yield* programCases(model, program, fewDevices);
  }
  for (const program of random()) yield* programCases("nobody's model", program, fewDevices);
  for (const { model, device } of tunedCases) {
    const config = models[model] as ModelConfig;
    const name = `${model}, ${device.name}`;
    yield { name, kernels: () => kernelsInTiles(name, config, device, everything) };
  }
}

function* programCases(model: string, program: NamedProgram, on: readonly Device[]): Generator<Case> {
  for (const level of levels) {
    for (const device of on) {
      // Other levels have no subprograms.
      if (device.limits.persistent !== undefined && level !== bestLevel) continue;
      const name = `${model}, ${program.name}, ${level}, ${device.name}`;
      yield { name, kernels: () => kernelsOf(name, program, level, device) };
    }
  }
}

function* kernelsOf(
  place: string,
  { program }: NamedProgram,
  level: Level,
  { limits, precisions }: Device,
): Generator<GeneratedKernel[]> {
  const schedule = scheduleAt(program, level);
  for (const precision of precisions) {
    const placement = new Placement(schedule, precision);
    for (const { maxRows, kernels } of lowerForAllSizes(schedule, placement, limits)) {
      yield generated(`${place}, ${precision}, up to ${maxRows} rows`, kernels);
    }
  }
}
