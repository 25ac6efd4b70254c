/** Checks a program's kernels against the device's limits, before anything is compiled or uploaded. */
import { EngineError } from "../../../errors.ts";
import { formatBytes } from "../../../format/bytes.ts";
import { byteLength } from "../wgsl/storage.ts";
import { kindOf, type LoweredKernel } from "./lower.ts";
import type { Placement } from "./placement.ts";

type Limit =
  | "maxStorageBuffersPerShaderStage"
  | "maxComputeWorkgroupStorageSize"
  | "maxComputeInvocationsPerWorkgroup"
  | "maxStorageBufferBindingSize";

type Limits = Readonly<Pick<GPUSupportedLimits, Limit>>;

/** @throws EngineError that names the first kernel or tensor that is too large, and the limit. */
export function checkLimits(kernels: readonly LoweredKernel[], placement: Placement, limits: Limits): void {
  kernels.forEach((lowered, index) => {
    const { bindings, workgroupMemory, workgroupSize } = lowered;
    const name = `the kernel ${index} ${kindOf(lowered)}`;
    const fewer = "Use --level O0, whose kernels are smaller, or --device cpu.";
    check(limits, "maxStorageBuffersPerShaderStage", bindings.length, `${name} binds`, fewer, (count) => {
      return `${count} storage buffers`;
    });
    check(limits, "maxComputeWorkgroupStorageSize", workgroupMemory, `${name} takes`, fewer, (bytes) => {
      return `${formatBytes(bytes)} of workgroup memory`;
    });
    check(limits, "maxComputeInvocationsPerWorkgroup", workgroupSize, `${name} has`, fewer, (count) => {
      return `${count} invocations in a workgroup`;
    });
    for (const binding of bindings) {
      if (binding.kind !== "tensor" || !placement.isConstant(binding.value)) continue;
      const { shape, operation } = binding.value;
      const bytes = byteLength(shape.map(Number), placement.typeOf(binding.value) ?? "f32");
      const tensor = operation.kind === "parameter" ? operation.name : `a weight of ${name}`;
      const smaller = "Use --precision f16-storage, which takes half, or --device cpu.";
      check(limits, "maxStorageBufferBindingSize", bytes, `${tensor} takes`, smaller, formatBytes);
    }
  });
}

function check(
  limits: Limits,
  limit: Limit,
  amount: number,
  subject: string,
  advice: string,
  say: (amount: number) => string,
): void {
  if (amount <= limits[limit]) return;
  throw new EngineError({
    found: `${subject} ${say(amount)}`,
    expected: `at most ${say(limits[limit])}, the GPU's limit ${limit}`,
    advice,
  });
}
