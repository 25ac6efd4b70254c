/**
 * What makes a kernel the same kernel: its WGSL, what is bound to it, and how it is dispatched.
 *
 * A fingerprint is written in words of its own. When types of `src/` are renamed or divided, this file is adapted so that it
 * gives the same words for the same kernels; a recording from before the change can then still be compared.
 *
 * Must stay true: nothing of a fingerprint depends on the name of a type, field or file of `src/`.
 */
import { createHash } from "node:crypto";
import { kindOf, type LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";
import type { Binding } from "../../src/engines/webgpu/wgsl/bindings.ts";
import { type Extent, operandsOf, type Value } from "../../src/program/program.ts";

/** A kernel that was generated. */
export interface GeneratedKernel {
  /** Which kernel of which program, generated for which device: the same before and after a change. */
  readonly place: string;
  /** Everything but the source, a line for each fact. */
  readonly launch: string;
  readonly code: string;
}

const kinds: Readonly<Record<ReturnType<typeof kindOf>, string>> = {
  elementwise: "elementwise",
  "row-reduction": "row reduction",
  matmul: "matmul",
  attention: "attention",
  persistent: "persistent",
};

/** Lengths of the symbolic axes for which workgroups are counted: small, at the edge of a tile, typical, and large. */
const sizes: readonly Readonly<Record<string, number>>[] = [
  { batch: 1, sequence: 1, keys: 1, tokens: 1 },
  { batch: 2, sequence: 33, keys: 70, tokens: 66 },
  { batch: 1, sequence: 384, keys: 384, tokens: 384 },
  { batch: 32, sequence: 384, keys: 384, tokens: 12_288 },
];

/** The kernels of a program in order of dispatch. */
export function generated(place: string, kernels: readonly LoweredKernel[]): GeneratedKernel[] {
  const nameOf = namesIn(kernels);
  return kernels.map((kernel, index) => {
    return { place: `${place}, kernel ${index}`, launch: launchOf(kernel, nameOf), code: kernel.code };
  });
}

function launchOf(kernel: LoweredKernel, nameOf: (value: Value) => string): string {
  const counts = sizes.map((size) => {
    const extentOf = (extent: Extent): number => (typeof extent === "number" ? extent : (size[extent] ?? 1));
    return kernel.workgroups(extentOf).join("×");
  });
  return [
    `kind ${kinds[kindOf(kernel)]}`,
    `workgroup size ${kernel.workgroupSize}`,
    `workgroup memory ${kernel.workgroupMemory}`,
    `workgroups ${counts.join(", ")}`,
    ...kernel.bindings.map((binding, index) => `binding ${index + 1} ${bindingText(binding, nameOf)}`),
  ].join("\n");
}

function bindingText(binding: Binding, nameOf: (value: Value) => string): string {
  if (binding.kind === "grid-barrier") return "barrier";
  if (binding.kind === "vectors") return `vectors ${binding.values.map(nameOf).join(", ")}`;
  const parts = binding.partialSums === 1 ? "" : `, ${binding.partialSums} partial sums`;
  return `${binding.access} ${nameOf(binding.value)}${parts}`;
}

/** Names for tensors that are the same however values are made: what kernels store goes by its kernel's number. */
function namesIn(kernels: readonly LoweredKernel[]): (value: Value) => string {
  const results = new Map(
    kernels.flatMap(({ stores }, index) => stores.map((value, place) => [value, `result ${place} of kernel ${index}`])),
  );
  const known = new Map<Value, string>();
  const nameOf = (value: Value): string => {
    const { operation } = value;
    const own = results.get(value) ?? ("name" in operation ? `${operation.kind} ${operation.name}` : undefined);
    // What is computed once, before any run: by what it is computed of.
    return own ?? `${operation.kind} of (${operandsOf(operation).map(name).join(", ")})`;
  };
  const name = (value: Value): string => {
    const text = known.get(value) ?? `${nameOf(value)} [${value.shape.join(", ")}]`;
    known.set(value, text);
    return text;
  };
  return name;
}

export const hashOf = (code: string): string => createHash("sha256").update(code).digest("base64url").slice(0, 22);
