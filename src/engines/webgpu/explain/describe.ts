/**
 * Describes a schedule: its kernels in order, what each computes and costs, the tensors between them and their memory. Data
 * for the terminal, JSON and HTML, made from a configuration without weights or a device.
 */
import { type Binding, bindShape } from "../../../program/bind.ts";
import type { Value } from "../../../program/program.ts";
import type { Schedule } from "../../../schedule/schedule.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import { type LoweredKernel, lowerToWgsl } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";
import { planArena } from "../run/arena.ts";
import type { StorageType } from "../wgsl/storage.ts";
import { allBytes, bytesOf, type Traffic } from "./costs.ts";
import { factsOf, identityOf, type KernelIdentity, type KernelWork, namesOf, workOf } from "./kernels.ts";

export interface KernelDescription extends KernelIdentity, KernelWork {
  /** Unique within the program. */
  readonly name: string;
  /** Indices into `tensors`: activations only. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

export interface TensorDescription {
  readonly stages: readonly string[];
  readonly shape: readonly number[];
  readonly type: StorageType;
  readonly bytes: number;
  /** In the arena. */
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
  /** Without reuse of memory. */
  readonly tensorBytes: number;
  /** With it. */
  readonly arenaBytes: number;
  readonly inputBytes: number;
  readonly weightBytes: number;
  readonly vectorBytes: number;
}

export interface SubprogramDescription {
  readonly name: string;
  readonly totals: Totals;
}

export interface ScheduleDescription {
  readonly kernels: readonly KernelDescription[];
  /** In the order of their first kernels. */
  readonly subprograms: readonly SubprogramDescription[];
  readonly tensors: readonly TensorDescription[];
  readonly totals: Totals;
  readonly memory: Memory;
}

/** WebGPU's minimum limits, and the smallest tiles; what kernels store depends on neither without split-K. */
export const defaultLimits: KernelLimits = { workgroupMemory: 16_384, workgroupSize: 256, isSoftware: true };
const defaultAlignment = 256;

/** @param extents of the program's symbols; `tokens` for a packed program. */
export function describe(
  schedule: Schedule,
  placement: Placement,
  extents: Binding,
  limits: KernelLimits = defaultLimits,
): ScheduleDescription {
  const lowered = lowerToWgsl(schedule, placement, limits);
  const lowering = { maxRows: Number.POSITIVE_INFINITY, kernels: lowered };
  const plan = planArena(schedule.program, [lowering], placement, extents, defaultAlignment);
  const facts = factsOf(schedule.program);
  const tensors = [...plan.places].map(
    ([value, { offset }]): TensorDescription => ({
      stages: facts.stages.get(value) ?? [],
      shape: bindShape(value.shape, extents),
      type: placement.typeOf(value) ?? "f32",
      bytes: bytesOf(value, placement, extents),
      offset,
    }),
  );
  const numbers = new Map([...plan.places.keys()].map((value, index) => [value, index]));
  const identities = lowered.map((kernel, index) => identityOf(kernel, index, facts));
  const names = namesOf(identities);
  const kernels = identities.map((identity, index): KernelDescription => {
    const kernel = lowered[index] as LoweredKernel;
    const tensorsBound = (access: "read" | "write"): number[] =>
      kernel.bindings.flatMap((binding) => {
        const number = binding.kind === "tensor" && binding.access === access ? numbers.get(binding.value) : undefined;
        return number === undefined ? [] : [number];
      });
    return {
      name: names[index] as string,
      ...identity,
      ...workOf(kernel, facts, placement, extents),
      reads: tensorsBound("read"),
      writes: tensorsBound("write"),
    };
  });
  return {
    kernels,
    subprograms: subprogramsOf(kernels).map(({ name, kernels: members }) => ({ name, totals: totalsOf(members) })),
    tensors,
    totals: totalsOf(kernels),
    memory: {
      ...constantBytes(lowered, placement, extents),
      tensors: tensors.length,
      tensorBytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
      arenaBytes: plan.bytes,
    },
  };
}

/** Groups kernels by subprogram, without those outside of any. */
export function subprogramsOf<K extends Pick<KernelIdentity, "subprogram">>(
  kernels: readonly K[],
): { readonly name: string; readonly kernels: readonly K[] }[] {
  const names = new Set(kernels.flatMap(({ subprogram }) => subprogram ?? []));
  return [...names].map((name) => ({ name, kernels: kernels.filter(({ subprogram }) => subprogram === name) }));
}

export function totalsOf(kernels: readonly Pick<KernelDescription, "flops" | "bytes">[]): Totals {
  const sum = (part: keyof Traffic): number => kernels.reduce((total, { bytes }) => total + bytes[part], 0);
  const [weights, vectors, activations] = [sum("weights"), sum("vectors"), sum("activations")];
  const bytes = { weights, vectors, activations, written: sum("written") };
  const flops = kernels.reduce((total, kernel) => total + kernel.flops, 0);
  return { kernels: kernels.length, flops, bytes, intensity: flops / allBytes(bytes) };
}

/** Memory filled before the kernels run: each tensor once, however many kernels read it. */
function constantBytes(
  kernels: readonly LoweredKernel[],
  placement: Placement,
  extents: Binding,
): Pick<Memory, "inputBytes" | "weightBytes" | "vectorBytes"> {
  const bindings = kernels.flatMap((kernel) => kernel.bindings);
  const tensors = new Set(bindings.flatMap((binding) => (binding.kind === "tensor" ? [binding.value] : [])));
  const unstored = [...tensors].filter((value) => !placement.isStored(value));
  const sum = (values: readonly Value[]): number =>
    values.reduce((total, value) => total + bytesOf(value, placement, extents), 0);
  return {
    inputBytes: sum(unstored.filter(({ operation }) => operation.kind === "input")),
    weightBytes: sum(unstored.filter((value) => placement.isConstant(value))),
    vectorBytes: sum(bindings.flatMap((binding) => (binding.kind === "vectors" ? binding.values : []))),
  };
}
