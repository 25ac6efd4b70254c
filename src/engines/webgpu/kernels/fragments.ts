/**
 * Fragments of matrices in tensor cores, as WGSL: what kernels with subgroup matrices have in common.
 *
 * All of them keep their matrices in one array of workgroup memory, `tile`, whose units are 16 bytes: eight float16 or
 * four float32. Offsets and strides of fragments count these units.
 */
import type { Block } from "../wgsl/expressions.ts";
import { indent } from "../wgsl/kernel-source.ts";

/** Rows and columns of a fragment. */
export const fragment = 16;

/** Invocations of a subgroup, on the GPUs whose tensor cores are used. */
export const subgroupSize = 32;

export const tensorExtensions = [
  "enable f16;",
  "enable subgroups;",
  "enable chromium_experimental_subgroup_matrix;",
  "// A subgroup's number comes of its invocations' indexes, which the compiler does not follow.",
  "diagnostic(off, chromium.subgroup_matrix_uniformity);",
];

/** Eight float16 as a unit of workgroup memory. */
export const packEight = `fn pack_eight(first: vec4<f16>, second: vec4<f16>) -> vec4<u32> {
  return vec4<u32>(bitcast<vec2<u32>>(first), bitcast<vec2<u32>>(second));
}`;

/**
 * A function `NAME_unit` that loads a unit of a matrix from memory: eight float16.
 * @param parameters its names; the last is where among the neighbours it begins.
 * @param own what is to be returned beforehand, and the unit where the eight lie side by side in memory.
 * @param four the function `NAME`, which loads four where they do not.
 */
export function unitLoader(
  name: string,
  parameters: readonly string[],
  own: { readonly guard: readonly string[]; readonly block: Block; readonly eight: string | undefined },
  four: () => string,
): readonly string[] {
  const { guard, block, eight } = own;
  const signature = `fn ${name}_unit(${parameters.map((parameter) => `${parameter}: u32`).join(", ")}) -> vec4<u32> {`;
  if (eight !== undefined) return [signature, ...guard, ...indent(block.lines), `  return ${eight};`, "}"];
  const load = (offset: string): string => `${name}(${parameters.join(", ")}${offset})`;
  return [four(), signature, `  return pack_eight(${load("")}, ${load(" + 4u")});`, "}"];
}

export function loadFragment(
  side: "left" | "right",
  major: "row_major" | "col_major",
  place: string,
  stride: number,
): string {
  return `subgroupMatrixLoad<subgroup_matrix_${side}<f16, 16, 16>, ${major}>(&tile, ${place}, ${stride}u)`;
}

export function storeFragment(place: string, name: string, stride: number): string {
  return `subgroupMatrixStore<row_major>(&tile, ${place}, ${name}, ${stride}u);`;
}

/** The statement that adds a product of fragments to a sum. */
export function multiplyAccumulate(left: string, right: string, sum: string): string {
  return `${sum} = subgroupMatrixMultiplyAccumulate(${left}, ${right}, ${sum});`;
}
