/** Assembles a kernel's WGSL from its parts, with what its dispatch needs. */
import type { Extent, Shape, Value } from "../../../program/program.ts";
import type { Binding, KernelBindings } from "./bindings.ts";
import { type Coordinate, type Coordinates, linear } from "./coordinates.ts";
import { type Declarations, indent } from "./declarations.ts";
import { type Block, maskTail, vectorIndex } from "./expressions.ts";
import { specialFunctions } from "./special-functions.ts";
import { extentText, halfOf, packedHalves, storeVector } from "./storage.ts";

/** The length of an axis when the program runs. */
export type ExtentOf = (extent: Extent) => number;

export type Workgroups = readonly [number, number, number];

/** Workgroups of each dimension, as WGSL. */
export type Grid = readonly [string, string, string];

export interface KernelSource {
  readonly code: string;
  /** What the code was assembled from. */
  readonly parts: KernelParts;
  /** The bind group's entries after `extents`. */
  readonly bindings: readonly Binding[];
  /** Present for a kernel that may be a stage of a persistent one. */
  readonly grid?: Grid;
  readonly workgroups: (extentOf: ExtentOf) => Workgroups;
  /** Bytes of workgroup memory. */
  readonly workgroupMemory: number;
  /** Invocations of a workgroup. */
  readonly workgroupSize: number;
}

const extents = `struct Extents {
  batch: u32,
  sequence: u32,
  keys: u32,
  tokens: u32,
}
@group(0) @binding(0) var<uniform> extents: Extents;`;

export interface KernelParts extends Pick<KernelSource, "workgroupMemory" | "workgroupSize"> {
  /** The kernel's directives, with `enable f16` where needed; absent: derived from the bindings. */
  readonly extensions?: readonly string[];
  /** Declarations besides the bindings. */
  readonly declarations: Declarations;
  readonly body: readonly string[];
}

/** The source, with `group`, `groups`, `local` and `local_index` as the names of WGSL's built-in values. */
export function assemble(bindings: KernelBindings, parts: KernelParts): Omit<KernelSource, "grid" | "workgroups"> {
  const { extensions, declarations, workgroupMemory, workgroupSize, body } = parts;
  const code = [
    ...(extensions ?? (bindings.usesHalf ? ["enable f16;"] : [])),
    extents,
    ...bindings.declarations,
    ...(bindings.usesPackedHalves ? [packedHalves] : []),
    ...(bindings.readsHalfOfVec8 ? [halfOf] : []),
    ...bindings.specials.map((name) => specialFunctions[name].trim()),
    ...declarations.lines,
    `@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) local_index: u32,
) {
${indent(body).join("\n")}
}
`,
  ].join("\n");
  return { code, parts, bindings: bindings.bindings, workgroupMemory, workgroupSize };
}

/** The statements that store a value at a row and a column: four elements, or the only one of a row of one. */
export function store(
  bindings: KernelBindings,
  block: Block,
  value: Value,
  row: Coordinates,
  column: Coordinate,
): readonly string[] {
  const { name, type } = bindings.write(value);
  const index = linear(row, value.shape.slice(0, -1));
  if (type === "scalars") return [`${name}[${index.text}] = ${block.scalar(value, [...row, column])};`];
  const vector = maskTail(block.vector(value, [...row, column]), column.text, value.shape.at(-1) ?? 1, "0.0f");
  return [storeVector(name, vectorIndex(index, value, column), vector, type)];
}

/** The product of extents, as WGSL. */
export function productText(shape: Shape): string {
  const factors = shape.filter((extent) => extent !== 1).map(extentText);
  return factors.length === 0 ? "1u" : factors.join(" * ");
}

export function productOf(shape: Shape, extentOf: ExtentOf): number {
  return shape.reduce<number>((product, extent) => product * extentOf(extent), 1);
}

/** A dimension of a grid: the product of the extents, divided among workgroups that take `each` of it. */
export interface Direction {
  readonly extents: Shape;
  readonly each: number;
}

/** A grid of workgroups, as the host counts them and as WGSL does. */
export function gridOf(
  ...directions: readonly [Direction, Direction, Direction]
): Required<Pick<KernelSource, "workgroups" | "grid">> {
  const countOf = ({ extents: shape, each }: Direction, extentOf: ExtentOf): number =>
    Math.ceil(productOf(shape, extentOf) / each);
  const textOf = ({ extents: shape, each }: Direction): string =>
    each === 1 ? productText(shape) : `(${productText(shape)} + ${each - 1}u) / ${each}u`;
  const [x, y, z] = directions;
  return {
    workgroups: (extentOf) => [countOf(x, extentOf), countOf(y, extentOf), countOf(z, extentOf)],
    grid: [textOf(x), textOf(y), textOf(z)],
  };
}

/** A number of workgroups as a grid, whose dimensions hold 65,535 at most. A workgroup's index is `linearGroup`. */
export function linearGrid(count: number): Workgroups {
  const columns = Math.min(count, 65_535);
  return [columns, Math.ceil(count / columns), 1];
}

export const linearGroup = "group.y * groups.x + group.x";

/** A grid of one workgroup per row. */
export const rowGrid = (leading: Shape): Required<Pick<KernelSource, "workgroups" | "grid">> => ({
  workgroups: (extentOf) => linearGrid(productOf(leading, extentOf)),
  grid: [productText(leading), "1u", "1u"],
});

/** Statements that declare `row`, the workgroup's row. */
export const declareRow = (leading: Shape): string[] => [
  `let row = ${linearGroup};`,
  `if (row >= ${productText(leading)}) { return; }`,
];
