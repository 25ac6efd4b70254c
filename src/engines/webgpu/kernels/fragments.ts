/**
 * Matrix fragments of tensor cores (WGSL's subgroup matrices), as WGSL.
 *
 * Kernels keep their matrices in one array of workgroup memory whose vectors are 16 bytes: eight float16 or four float32.
 * Offsets and strides of fragments count these vectors.
 */
import type { Declarations } from "../wgsl/declarations.ts";
import type { Block } from "../wgsl/expressions.ts";

/** Rows and columns of a fragment. */
export const fragment = 16;

/** Invocations of a subgroup on the GPUs whose tensor cores are used. */
export const subgroupSize = 32;

export const tensorExtensions = [
  "enable f16;",
  "enable subgroups;",
  "enable chromium_experimental_subgroup_matrix;",
  "// A subgroup's number comes of its invocations' indexes, which the compiler does not follow.",
  "diagnostic(off, chromium.subgroup_matrix_uniformity);",
];

/** Declares `pack_vec8`: two vectors of four float16 as one of 16 bytes. @returns its name. */
export const declarePackVec8 = (declarations: Declarations): string =>
  declarations.helper("pack_vec8", "(first: vec4<f16>, second: vec4<f16>) -> vec4<u32>", [
    "return vec4<u32>(bitcast<vec2<u32>>(first), bitcast<vec2<u32>>(second));",
  ]);

/** A function that loads eight float16 of a matrix from memory. */
interface Vec8Loader {
  readonly name: string;
  /** The last is the first of the eight columns. */
  readonly parameters: readonly string[];
  /** Statements that return early. */
  readonly guard: readonly string[];
  readonly block: Block;
  /** The eight, if they are contiguous in memory. */
  readonly vec8: string | undefined;
  /** Declares the function that loads four, if they are not. @returns its name. */
  readonly declareVec4: () => string;
}

/** Declares `NAME_vec8`. @returns the function's name. */
export function declareVec8Loader(declarations: Declarations, loader: Vec8Loader): string {
  const { name, parameters, guard, block, vec8, declareVec4 } = loader;
  const signature = `(${parameters.map((parameter) => `${parameter}: u32`).join(", ")}) -> vec4<u32>`;
  const define = (body: readonly string[]): string => declarations.function(`${name}_vec8`, signature, body);
  if (vec8 !== undefined) return define([...guard, ...block.lines, `return ${vec8};`]);
  const pack = declarePackVec8(declarations);
  const vec4 = declareVec4();
  const load = (offset: string): string => `${vec4}(${parameters.join(", ")}${offset})`;
  return define([`return ${pack}(${load("")}, ${load(" + 4u")});`]);
}

/** @param memory the array in workgroup memory. */
export function loadFragment(
  memory: string,
  side: "left" | "right",
  major: "row_major" | "col_major",
  place: string,
  stride: number,
): string {
  return `subgroupMatrixLoad<subgroup_matrix_${side}<f16, 16, 16>, ${major}>(&${memory}, ${place}, ${stride}u)`;
}

/** @param memory the array in workgroup memory. */
export const storeFragment = (memory: string, place: string, name: string, stride: number): string =>
  `subgroupMatrixStore<row_major>(&${memory}, ${place}, ${name}, ${stride}u);`;

export const multiplyAccumulate = (left: string, right: string, sum: string): string =>
  `${sum} = subgroupMatrixMultiplyAccumulate(${left}, ${right}, ${sum});`;
