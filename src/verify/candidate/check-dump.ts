/**
 * Checks that a dump can be compared with a model's layer: that it has stages of the layer, and that all shapes agree with
 * the configuration and with each other.
 *
 * Must stay true: a wrong file is rejected here, with the tensor's name and both shapes, and never becomes a bad verdict.
 */

import {
  type DumpExtents,
  layerStagesOf,
  type ModelConfig,
  parseStageName,
  shapeOfStage,
  stageName,
} from "../../architectures/index.ts";
import { describe } from "../../checkpoint/describe.ts";
import { InputError } from "../../errors.ts";
import type { Dump, TargetLayer } from "./dump.ts";
import { nearest } from "./near-names.ts";

/** Maximum number of unknown names that a message lists. */
const maxListed = 8;

/**
 * @returns the batch and the sequence length that all tensors of the layer share.
 * @throws InputError naming the tensor with its shape and the expected one, or the missing stages.
 */
export function checkDump(dump: Dump, { config, layer }: TargetLayer): DumpExtents {
  if (!(Number.isInteger(layer) && layer >= 0 && layer < config.layers)) {
    throw new InputError({
      found: `there is no layer ${layer}`,
      expected: `0 to ${config.layers - 1}, the layers of this model`,
    });
  }
  const shapes = shapesOf(config, dump, layer);
  const [reference, extents] = extentsOf(shapes, dump.name);
  for (const [name, shape] of shapes) {
    const expected = expectedShape(name, layer, config, extents);
    if (shape.join() === expected.join()) continue;
    const { batch, sequence } = extents;
    const reason = name === reference ? "" : `: batch ${batch} and sequence ${sequence}, as in ${reference}`;
    throw new InputError({
      found: `${dump.name}: ${name} has the shape ${describe(shape)}`,
      expected: `${describe(expected)}${reason}`,
      advice: adviceOn(shape, expected),
    });
  }
  return extents;
}

/** The shapes of the layer's tensors; the first one defines batch and sequence. */
function shapesOf(config: ModelConfig, dump: Dump, layer: number): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  if (dump.attentionMask !== undefined) shapes.set("attention_mask", dump.attentionMask.shape);
  if (dump.hiddenStates !== undefined) shapes.set("hidden_states", dump.hiddenStates.shape);
  const before = shapes.size;
  for (const stage of layerStagesOf(config)) {
    const name = stageName(layer, stage);
    const tensor = dump.stages.get(name);
    if (tensor !== undefined) shapes.set(name, tensor.shape);
  }
  if (shapes.size > before) return shapes;
  throw dump.stages.size > 0 ? otherLayers(config, dump, layer) : noStages(config, dump, layer);
}

/** Batch and sequence, with the name of the tensor that defines them. */
function extentsOf(shapes: ReadonlyMap<string, readonly number[]>, file: string): [string, DumpExtents] {
  const [name, shape] = [...shapes][0] ?? ["", []];
  const extents = { batch: shape[0] ?? 0, sequence: (shape.length === 4 ? shape[2] : shape[1]) ?? 0 };
  if (extents.batch > 0 && extents.sequence > 0) return [name, extents];
  throw new InputError({
    found: `${file}: ${name} has the shape ${describe(shape)}`,
    expected: "[batch, sequence, …] with at least one position",
  });
}

function expectedShape(name: string, layer: number, config: ModelConfig, extents: DumpExtents): readonly number[] {
  if (name === "attention_mask") return [extents.batch, extents.sequence];
  const stage = parseStageName(config, name, layer)?.stage;
  // The input of a layer has the shape of its output.
  return shapeOfStage(stage ?? "output", config, extents);
}

function adviceOn(shape: readonly number[], expected: readonly number[]): string {
  const sorted = (extents: readonly number[]) => extents.toSorted((a, b) => a - b).join();
  if (sorted(shape) === sorted(expected)) return "The axes are in another order: transpose it before you dump it.";
  return "Check that the dump was made with this model and on one input.";
}

function otherLayers(config: ModelConfig, dump: Dump, layer: number): InputError {
  const layers = [...new Set([...dump.stages.keys()].map((name) => parseStageName(config, name, layer)?.layer))];
  return new InputError({
    found: `${dump.name} has no stage of layer ${layer}, only of layer ${layers.join(", ")}`,
    expected: `names such as ${stageName(layer, "output")}`,
  });
}

function noStages(config: ModelConfig, dump: Dump, layer: number): InputError {
  const { unknown } = dump;
  const names = unknown.slice(0, maxListed).map(describe).join(", ");
  const rest = unknown.length > maxListed ? ` and ${unknown.length - maxListed} more` : "";
  const has = unknown.length === 0 ? "" : `; it has ${names}${rest}`;
  return new InputError({
    found: `${dump.name} has no stage of a layer${has}`,
    expected: `layer.${layer}. and one of ${layerStagesOf(config).join(", ")}`,
    advice: suggestion(config, unknown) ?? "Give the tensors these names where your kernel is dumped.",
  });
}

/** Finds an unknown name that resembles a stage: misspelt, or with another prefix, such as `encoder.layers.0.query`. */
function suggestion(config: ModelConfig, unknown: readonly string[]): string | undefined {
  for (const name of unknown.slice(0, 1000)) {
    const [, prefix = "", last = ""] = /^(.*[./])?([^./]*)$/s.exec(name) ?? [];
    const meant = nearest(last.toLowerCase(), layerStagesOf(config));
    if (meant === undefined) continue;
    const [layer] = /\d{1,4}/.exec(prefix) ?? [];
    return `Did you mean ${layer === undefined ? meant : stageName(Number(layer), meant)} by ${describe(name)}?`;
  }
  return undefined;
}
