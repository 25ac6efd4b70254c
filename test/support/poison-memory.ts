/**
 * Fills kernels' workgroup memory with garbage at the start. WGSL guarantees zeros, but Dawn does not clear it for trusted
 * kernels (`platform/dawn.ts`), so no kernel may depend on it.
 */
import type { LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";

const array = /^var<workgroup> (\w+): array<(.+), (\d+)>;$/gm;
const single = /^var<workgroup> (\w+): (u32|atomic<u32>);$/gm;

/** Garbage of a type by element index: large numbers of either sign, as float32 and as two float16. */
const garbage: Readonly<Record<string, string>> = {
  f32: "select(-7e33f, 7e33f, i % 2u == 0u)",
  "vec4<f32>": "vec4<f32>(select(-7e33f, 7e33f, i % 2u == 0u))",
  "vec4<u32>": "vec4<u32>(select(0xfbfffbffu, 0x7bff7bffu, i % 2u == 0u))",
};

/** @throws Error for workgroup memory that cannot be filled. */
export function poisonMemory<T extends Pick<LoweredKernel, "code" | "workgroupSize">>(lowered: T): T {
  const { code, workgroupSize } = lowered;
  const arrays = [...code.matchAll(array)].map(([, name, type = "", count]) => {
    if (garbage[type] === undefined) throw new Error(`workgroup memory of ${type}`);
    return `for (var i = local_index; i < ${count}u; i += ${workgroupSize}u) { ${name}[i] = ${garbage[type]}; }`;
  });
  const singles = [...code.matchAll(single)].map(([, name, type]) => {
    return `if (local_index == 0u) { ${type === "u32" ? `${name} = 1u` : `atomicStore(&${name}, 1u)`}; }`;
  });
  const filled = [...arrays, ...singles];
  if (filled.length !== code.split("var<workgroup>").length - 1) throw new Error("workgroup memory that is not known");
  if (filled.length === 0) return lowered;
  const start = ["", ...filled, "workgroupBarrier();"].join("\n  ");
  const poisoned = code.replace(/local_index: u32,\n\) \{/, (head) => `${head}${start}`);
  if (poisoned === code) throw new Error("a kernel that begins in no known way");
  return { ...lowered, code: poisoned };
}
