/** Describes a kernel: its identity, the same in every run, and its work, which depends on the extents. */
import type { Part } from "../../../architectures/parts.ts";
import { type Binding, bindShape } from "../../../program/bind.ts";
import type { Extent, Program, Value } from "../../../program/program.ts";
import { constantValues } from "../../../program/views.ts";
import { elementCount } from "../../../tensor/tensor.ts";
import { kindOf, type LoweredKernel } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";
import { allBytes, flopsOf, type Traffic, trafficOf } from "./costs.ts";
import { namedOperations } from "./operations.ts";
import { orderOf, type Place, placesOf } from "./places.ts";
import { stagesOf } from "./stages.ts";

export interface KernelIdentity {
  /** In dispatch order. */
  readonly index: number;
  /** The kernel's template, or `persistent` for several kernels. */
  readonly kind: ReturnType<typeof kindOf>;
  /** Its subprogram, such as `layer.0.fused_attn`; `null` outside subprograms. */
  readonly subprogram: string | null;
  readonly section: "embeddings" | "layer" | "head";
  /** `null` outside layers. */
  readonly layer: number | null;
  /** In order. */
  readonly operations: readonly { readonly name: string; readonly part: Part }[];
  /** The stages it computes, stored or not. */
  readonly stages: readonly string[];
}

export interface KernelWork {
  /** The shape of the largest tensor it writes. */
  readonly shape: readonly number[];
  readonly flops: number;
  readonly bytes: Traffic;
  /** FLOPs per byte read or written. */
  readonly intensity: number;
  readonly workgroups: readonly number[];
}

/** Properties of a program's values. */
export interface Facts {
  readonly constants: ReadonlySet<Value>;
  readonly places: ReadonlyMap<Value, Place>;
  readonly stages: ReadonlyMap<Value, readonly string[]>;
}

export function factsOf(program: Program): Facts {
  const constants = constantValues(program);
  const places = placesOf(program, constants);
  return { constants, places, stages: stagesOf(program, places, constants) };
}

/** Unique names for a program's kernels: section, layer, kind, and a number (`layer.0.matmul.2`). */
export function namesOf(kernels: readonly Pick<KernelIdentity, "section" | "layer" | "kind">[]): string[] {
  const counts = new Map<string, number>();
  return kernels.map(({ section, layer, kind }) => {
    const prefix = `${layer === null ? section : `${section}.${layer}`}.${kind}`;
    const number = counts.get(prefix) ?? 0;
    counts.set(prefix, number + 1);
    return `${prefix}.${number}`;
  });
}

const nowhere: Place = { part: "embeddings" };

export function identityOf(
  lowered: LoweredKernel,
  index: number,
  { constants, places, stages }: Facts,
): KernelIdentity {
  const { plans, stores, interior } = lowered;
  const placeOf = (value: Value): Place => places.get(value) ?? nowhere;
  const { part, layer } = stores.map(placeOf).reduce((a, b) => (orderOf(b) > orderOf(a) ? b : a), nowhere);
  return {
    index,
    kind: kindOf(lowered),
    subprogram: plans[0].kernel.subprogram ?? null,
    section: layer !== undefined ? "layer" : part === "head" ? "head" : "embeddings",
    layer: layer ?? null,
    operations: plans
      .flatMap((plan) => namedOperations(plan.kernel, plan.interior, constants))
      .map(({ name, value }) => {
        // A value of inputs alone, such as a mask, belongs to the part that uses it.
        const isOfInputs = layer !== undefined && orderOf(placeOf(value)) < 0;
        return { name, part: isOfInputs ? part : placeOf(value).part };
      }),
    stages: [...new Set(interior.flatMap((value) => stages.get(value) ?? []))],
  };
}

/** @param visiblePairs pairs of tokens of one sequence, which attention kernels compute; absent: all pairs. */
export function workOf(
  lowered: LoweredKernel,
  { constants }: Facts,
  placement: Placement,
  extents: Binding,
  visiblePairs?: number,
): KernelWork {
  const { plans, stores, interior } = lowered;
  // Kernels other than attention compute all pairs.
  const pairs = plans.some(({ kernel }) => kernel.template.kind === "attention") ? visiblePairs : undefined;
  const flops = flopsOf(interior, constants, extents, pairs);
  const bytes = trafficOf(lowered, placement, extents);
  const shapes = stores.map(({ shape }) => bindShape(shape, extents));
  const extentOf = (extent: Extent): number => bindShape([extent], extents)[0] ?? 1;
  return {
    shape: shapes.reduce((a, b) => (elementCount(b) > elementCount(a) ? b : a), []),
    flops,
    bytes,
    intensity: flops / allBytes(bytes),
    workgroups: lowered.workgroups(extentOf),
  };
}
