/** Compiles a lowered kernel into a pipeline. */
import type { GpuDevice } from "../device/gpu-device.ts";
import { kindOf, type LoweredKernel } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";

/**
 * @param index the kernel's place in its program.
 * @throws KernelError if the driver refuses the source.
 */
export function compileKernel(
  gpu: GpuDevice,
  lowered: LoweredKernel,
  index: number,
  placement: Placement,
): Promise<GPUComputePipeline> {
  const label = `${index} ${kindOf(lowered)}`;
  return gpu.pipeline(label, lowered.code, bufferTypes(lowered, placement));
}

function bufferTypes({ bindings }: LoweredKernel, placement: Placement): GPUBufferBindingType[] {
  const types = bindings.map((binding): GPUBufferBindingType => {
    const isWritten =
      binding.kind === "grid-barrier" || (binding.kind === "tensor" && placement.isStored(binding.value));
    return isWritten ? "storage" : "read-only-storage";
  });
  return ["uniform", ...types];
}
