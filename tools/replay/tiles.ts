/**
 * Kernels in the tiles that `fusebert tune` would try on a device.
 *
 * All kernels of a schedule with tiles take their next one at the same time: they are told apart by their kind and shape, as
 * tuned tiles are, and what one binds does not depend on another's tile.
 */
import { createHash } from "node:crypto";
import type { ModelConfig } from "../../src/architectures/index.ts";
import type { Tile } from "../../src/engines/webgpu/kernels/family.ts";
import type { TileSource } from "../../src/engines/webgpu/plan/kernel-plan.ts";
import { lowerToWgsl } from "../../src/engines/webgpu/plan/lower.ts";
import { planTuning, type TuningSubject } from "../../src/engines/webgpu/tune/tuning-plan.ts";
import type { Shape } from "../../src/program/program.ts";
import { type Device, devices, fewDevices } from "./devices.ts";
import { type GeneratedKernel, generated } from "./fingerprint.ts";

export interface TunedCase {
  readonly model: string;
  readonly device: Device;
}

const isTuned = ({ name, limits }: Device): boolean => name !== "software" && limits.persistent === undefined;
/** In other precisions, a device with tensor cores has the kernels of one without. */
const withTensorCores = (device: Device): Device =>
  device.limits.tensorCores ? { ...device, precisions: ["f16"] } : device;

/** The size most models have, on all devices that are tuned; others on those that differ the most. */
export const tunedCases: readonly TunedCase[] = [
  ...devices.filter(isTuned).map((device) => ({ model: "BERT-base", device: withTensorCores(device) })),
  ...["BERT-large", "the built-in model", "random-odd"].flatMap((model) =>
    fewDevices.filter(isTuned).map((device) => ({ model, device })),
  ),
];

/** Tiles per kernel, unless all are requested. */
const maxTiles = 300;

/** @param everything every tile, of which a kernel may have thousands. Otherwise some, spread over all of them. */
export function* kernelsInTiles(
  place: string,
  config: ModelConfig,
  { limits, precisions }: Device,
  everything: boolean,
): Generator<GeneratedKernel[]> {
  for (const precision of precisions) {
    const plan = planTuning({ config, precision, maxCandidates: Number.POSITIVE_INFINITY }, limits);
    const tiles = new Map(
      plan.subjects.map((subject) => [keyOf(subject.family.name, subject.problem.shape), tilesOf(subject, everything)]),
    );
    const count = Math.max(...[...tiles.values()].map((own) => own.length));
    for (let index = 0; index < count; index++) {
      const source: TileSource = {
        tileFor: (family, shape) => tiles.get(keyOf(family, shape))?.[index],
      };
      const lowered = lowerToWgsl(plan.schedule, plan.placement, { ...limits, tiles: source }, plan.maxRows);
      yield generated(`${place}, ${precision}, in tuned tiles`, lowered);
    }
  }
}

const keyOf = (family: string, shape: Shape): string => `${family} ${shape}`;

/** The tiles of all sizes, each once. */
function tilesOf({ sizes }: TuningSubject, everything: boolean): Tile[] {
  const all = new Map(sizes.flatMap(({ candidates }) => candidates).map((tile) => [JSON.stringify(tile), tile]));
  const tiles = [...all.values()];
  if (everything || tiles.length <= maxTiles) return tiles;
  const drawn = new Map(tiles.map((tile) => [tile, lotOf(tile)]));
  return tiles.sort((a, b) => (drawn.get(a) ?? 0) - (drawn.get(b) ?? 0)).slice(0, maxTiles);
}

/** A number that only the tile's own numbers decide, whatever their names and their order: the same tiles are always drawn. */
function lotOf(tile: Tile): number {
  const numbers = Object.values(tile)
    .flat()
    .filter((value) => typeof value === "number");
  return createHash("sha256")
    .update(numbers.sort((a, b) => a - b).join())
    .digest()
    .readUInt32LE(0);
}
