/**
 * A schedule described: its kernels in order, what each computes and costs, the tensors between them and their memory.
 *
 * Pure: a configuration is all it takes, no weight and no device. Typed data for the terminal, JSON and the page.
 */
import { planArena } from "../engines/webgpu/arena.ts";
import type { KernelLimits } from "../engines/webgpu/codegen/kernel-source.ts";
import type { StorageType } from "../engines/webgpu/codegen/storage.ts";
import { type LoweredKernel, lowerToWgsl } from "../engines/webgpu/lower.ts";
import type { Placement } from "../engines/webgpu/placement.ts";
import type { Schedule, Template } from "../passes/schedule.ts";
import { type Binding, bindShape } from "../program/bind.ts";
import type { Value } from "../program/program.ts";
import { constantValues } from "../program/views.ts";
import { allBytes, bytesOf, flopsOf, type Traffic, trafficOf } from "./costs.ts";
import { namedOperations } from "./operations.ts";
import { orderOf, type Part, type Place, placesOf } from "./places.ts";
import { stagesOf } from "./stages.ts";

export interface KernelDescription {
  /** Place in the order of dispatch, from 0. */
  readonly index: number;
  readonly kind: Template["kind"];
  readonly section: "embeddings" | "layer" | "head";
  /** `null` outside layers. */
  readonly layer: number | null;
  /** What it computes, in order. */
  readonly operations: readonly { readonly name: string; readonly part: Part }[];
  /** The stages among what it computes, stored or not. */
  readonly stages: readonly string[];
  /** The shape of the largest tensor it writes. */
  readonly shape: readonly number[];
  readonly flops: number;
  readonly bytes: Traffic;
  /** FLOPs a byte read or written. */
  readonly intensity: number;
  readonly workgroups: readonly number[];
  /** Indices into `tensors`: activations only. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

export interface TensorDescription {
  readonly stages: readonly string[];
  readonly shape: readonly number[];
  readonly type: StorageType;
  readonly bytes: number;
  /** Where in the arena it begins. */
  readonly offset: number;
}

export interface Totals {
  readonly kernels: number;
  readonly flops: number;
  readonly bytes: Traffic;
  readonly intensity: number;
}

export interface Memory {
  /** Tensors that kernels write. */
  readonly tensors: number;
  /** Their sizes, summed. */
  readonly tensorBytes: number;
  /** What they take, sharing places. */
  readonly arenaBytes: number;
  readonly inputBytes: number;
  readonly weightBytes: number;
  readonly vectorBytes: number;
}

export interface ScheduleDescription {
  readonly kernels: readonly KernelDescription[];
  readonly tensors: readonly TensorDescription[];
  readonly totals: Totals;
  readonly memory: Memory;
}

/** What every WebGPU device has at least; the tiles of kernels, not what they store, depend on it. */
export const defaultLimits: KernelLimits = { workgroupMemory: 16_384, workgroupSize: 256 };
const defaultAlignment = 256;

/** @param extents of the program's symbols; `tokens` for a packed program. */
export function describe(
  schedule: Schedule,
  placement: Placement,
  extents: Binding,
  limits: KernelLimits = defaultLimits,
): ScheduleDescription {
  const lowered = lowerToWgsl(schedule, placement, limits);
  const plan = planArena(schedule, lowered, placement, extents, defaultAlignment);
  const places = placesOf(schedule.program);
  const stages = stagesOf(schedule.program, places);
  const stored = [...plan.places.keys()];
  const tensors = stored.map((value): TensorDescription => {
    return {
      stages: stages.get(value) ?? [],
      shape: bindShape(value.shape, extents),
      type: placement.typeOf(value) ?? "f32",
      bytes: bytesOf(value, placement, extents),
      offset: plan.places.get(value)?.offset ?? 0,
    };
  });
  const numbers = new Map(stored.map((value, index) => [value, index]));
  const context = { constants: constantValues(schedule.program), places, stages, numbers, placement, extents };
  const kernels = lowered.map((kernel, index) => describeKernel(kernel, index, context));
  return {
    kernels,
    tensors,
    totals: totalsOf(kernels),
    memory: { ...constantBytes(lowered, placement, extents), ...tensorBytes(tensors), arenaBytes: plan.bytes },
  };
}

interface Context {
  readonly constants: ReadonlySet<Value>;
  readonly places: ReadonlyMap<Value, Place>;
  readonly stages: ReadonlyMap<Value, readonly string[]>;
  readonly numbers: ReadonlyMap<Value, number>;
  readonly placement: Placement;
  readonly extents: Binding;
}

const nowhere: Place = { part: "embeddings", layer: undefined };

function describeKernel(lowered: LoweredKernel, index: number, context: Context): KernelDescription {
  const { kernel, interior } = lowered;
  const { constants, places, stages, numbers, placement, extents } = context;
  const placeOf = (value: Value): Place => places.get(value) ?? nowhere;
  const { part, layer } = kernel.stores.map(placeOf).reduce((a, b) => (orderOf(b) > orderOf(a) ? b : a), nowhere);
  const flops = flopsOf(interior, constants, extents);
  const bytes = trafficOf(lowered, placement, extents);
  const tensors = (access: "read" | "write"): number[] =>
    lowered.bindings.flatMap((binding) => {
      const number = binding.kind === "tensor" && binding.access === access ? numbers.get(binding.value) : undefined;
      return number === undefined ? [] : [number];
    });
  const shapes = kernel.stores.map(({ shape }) => bindShape(shape, extents));
  const size = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);
  const extentOf = (extent: Value["shape"][number]): number => bindShape([extent], extents)[0] ?? 1;
  return {
    index,
    kind: kernel.template.kind,
    section: layer !== undefined ? "layer" : part === "head" ? "head" : "embeddings",
    layer: layer ?? null,
    operations: namedOperations(kernel, interior, constants).map(({ name, value }) => {
      // What needs inputs alone, such as a mask, belongs where it is used.
      const isOfInputs = layer !== undefined && orderOf(placeOf(value)) < 0;
      return { name, part: isOfInputs ? part : placeOf(value).part };
    }),
    stages: [...new Set(interior.flatMap((value) => stages.get(value) ?? []))],
    shape: shapes.reduce((a, b) => (size(b) > size(a) ? b : a), []),
    flops,
    bytes,
    intensity: flops / allBytes(bytes),
    workgroups: lowered.workgroups(extentOf),
    reads: tensors("read"),
    writes: tensors("write"),
  };
}

/** Of some kernels, not only of all. */
export function totalsOf(kernels: readonly Pick<KernelDescription, "flops" | "bytes">[]): Totals {
  const sum = (of: (kernel: Pick<KernelDescription, "flops" | "bytes">) => number): number =>
    kernels.reduce((total, kernel) => total + of(kernel), 0);
  const bytes: Traffic = {
    weights: sum((kernel) => kernel.bytes.weights),
    vectors: sum((kernel) => kernel.bytes.vectors),
    activations: sum((kernel) => kernel.bytes.activations),
    written: sum((kernel) => kernel.bytes.written),
  };
  const flops = sum((kernel) => kernel.flops);
  return { kernels: kernels.length, flops, bytes, intensity: flops / allBytes(bytes) };
}

function tensorBytes(tensors: readonly TensorDescription[]): Pick<Memory, "tensors" | "tensorBytes"> {
  return { tensors: tensors.length, tensorBytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** What is in memory before a run: each tensor once, whoever reads it. */
function constantBytes(
  kernels: readonly LoweredKernel[],
  placement: Placement,
  extents: Binding,
): Pick<Memory, "inputBytes" | "weightBytes" | "vectorBytes"> {
  const bindings = kernels.flatMap((kernel) => kernel.bindings);
  const tensors = new Set(bindings.flatMap((binding) => (binding.kind === "tensor" ? [binding.value] : [])));
  const given = [...tensors].filter((value) => !placement.isStored(value));
  const sum = (values: readonly Value[]): number =>
    values.reduce((total, value) => total + bytesOf(value, placement, extents), 0);
  return {
    inputBytes: sum(given.filter(({ operation }) => operation.kind === "input")),
    weightBytes: sum(given.filter((value) => placement.isConstant(value))),
    vectorBytes: sum(bindings.flatMap((binding) => (binding.kind === "vectors" ? binding.values : []))),
  };
}
