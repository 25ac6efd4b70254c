/**
 * From a lowered kernel to a pipeline.
 */
import type { GpuDevice } from "./gpu-device.ts";
import type { LoweredKernel } from "./lower.ts";
import type { Placement } from "./placement.ts";

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
  const label = `${index} ${lowered.kernel.template.kind}`;
  return gpu.pipeline(label, lowered.code, bufferTypes(lowered, placement));
}

function bufferTypes({ bindings }: LoweredKernel, placement: Placement): GPUBufferBindingType[] {
  const types = bindings.map((binding): GPUBufferBindingType => {
    const isWritten = binding.kind === "meetings" || (binding.kind === "tensor" && placement.isStored(binding.value));
    return isWritten ? "storage" : "read-only-storage";
  });
  return ["uniform", ...types];
}
