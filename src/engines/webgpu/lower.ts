/**
 * Lowers a schedule to WGSL: every kernel to its source and the tensors it binds.
 */
import { interiorOf, type Kernel, type Schedule, storedBy } from "../../passes/schedule.ts";
import type { Value } from "../../program/program.ts";
import { KernelBindings } from "./codegen/bindings.ts";
import type { KernelLimits, KernelSource } from "./codegen/kernel-source.ts";
import { attentionKernel } from "./kernels/attention.ts";
import { elementwiseKernel } from "./kernels/elementwise.ts";
import { matmulKernel } from "./kernels/matmul.ts";
import { isNarrow, narrowMatmulKernel } from "./kernels/narrow-matmul.ts";
import { rowsKernel } from "./kernels/rows.ts";
import type { Placement } from "./placement.ts";

export interface LoweredKernel extends KernelSource {
  readonly kernel: Kernel;
  /** What it computes, in order. */
  readonly interior: readonly Value[];
}

export function lowerToWgsl(schedule: Schedule, placement: Placement, limits: KernelLimits): LoweredKernel[] {
  const stored = storedBy(schedule.kernels);
  return schedule.kernels.map((kernel) => {
    const interior = interiorOf(kernel, stored);
    return { ...lowerKernel(kernel, interior, new KernelBindings(placement), limits), kernel, interior };
  });
}

function lowerKernel(
  kernel: Kernel,
  interior: readonly Value[],
  bindings: KernelBindings,
  limits: KernelLimits,
): KernelSource {
  const { template, stores } = kernel;
  switch (template.kind) {
    case "elementwise":
      return elementwiseKernel(kernel, bindings);
    case "rows":
      return rowsKernel(kernel, interior, bindings);
    case "matmul":
      return isNarrow(template.matmul) && template.statistics === undefined
        ? narrowMatmulKernel(kernel, template.matmul, interior, bindings)
        : matmulKernel({ template, stores }, interior, bindings, limits);
    case "attention":
      return attentionKernel({ template, stores }, bindings, limits);
  }
}
