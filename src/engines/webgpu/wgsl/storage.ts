/**
 * The storage of tensors in GPU memory, and how WGSL reads and writes it.
 *
 * Rows (the last axis) are padded with zeros to a multiple of four elements, so that every access is a vector of four and no
 * two invocations write into one word. Tensors whose rows have one element are unpadded arrays of float32, integers unpadded
 * arrays of i32.
 *
 * Must stay true: padding is zero wherever it is written, and an index computed from coordinates inside the shape is
 * inside the buffer.
 */
import type { Extent, Shape, Value } from "../../../program/program.ts";
import type { GpuPrecision } from "../device/precision.ts";

/** `vectors` of four in one of three types, `scalars` for rows of one element, `integers`. */
export type StorageType = "f32" | "f16" | "packed-f16" | "scalars" | "integers";

/** How a kernel accesses a tensor: as stored, or float16 in vectors of eight, 16 bytes. */
export type ViewType = StorageType | "f16-vec8" | "packed-f16-vec8";

/** The element of the WGSL array, and its bytes. */
export const storageForms: Readonly<Record<ViewType, { readonly element: string; readonly bytes: number }>> = {
  f32: { element: "vec4<f32>", bytes: 16 },
  f16: { element: "vec4<f16>", bytes: 8 },
  "packed-f16": { element: "vec2<u32>", bytes: 8 },
  "f16-vec8": { element: "vec4<u32>", bytes: 16 },
  "packed-f16-vec8": { element: "vec4<u32>", bytes: 16 },
  scalars: { element: "f32", bytes: 4 },
  integers: { element: "i32", bytes: 4 },
};

/** Inputs are integers in memory; computed integers, such as distances, are whole numbers in float32. @param isHalf whether precisions below float32 store the value in float16. */
export function storageTypeOf(value: Value, isHalf: boolean, precision: GpuPrecision): StorageType {
  const { operation, type, shape } = value;
  if (type === "integer" && operation.kind === "input") return "integers";
  if ((shape.at(-1) ?? 1) === 1) return "scalars";
  if (!isHalf || precision === "f32" || type === "integer") return "f32";
  return precision === "f16" ? "f16" : "packed-f16";
}

/** Elements of the WGSL array per row. */
export function rowLength(last: number, type: StorageType): number {
  return type === "scalars" || type === "integers" ? last : Math.ceil(last / 4);
}

export function byteLength(shape: readonly number[], type: StorageType): number {
  const rows = shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
  return rows * rowLength(shape.at(-1) ?? 1, type) * storageForms[type].bytes;
}

/** An extent as WGSL: symbols are members of the uniform `extents`. */
export const extentText = (extent: Extent): string => (typeof extent === "number" ? `${extent}u` : `extents.${extent}`);

/** Vectors per row, as WGSL. */
export function rowVectorsText(shape: Shape): string {
  const last = shape.at(-1) ?? 1;
  return typeof last === "number" ? `${Math.ceil(last / 4)}u` : `((${extentText(last)} + 3u) / 4u)`;
}

/** Vectors of a tensor, as WGSL. */
export const tensorLengthText = (shape: Shape): string =>
  [...shape.slice(0, -1).map(extentText), rowVectorsText(shape)].join(" * ");

/** Four elements as `vec4<f32>`. @param index the index of a vector of four, in any view. */
export const loadVector = (name: string, index: string, type: ViewType): string =>
  vectorOf(isVec8(type) ? `half_of(${name}[(${index}) / 2u], ${index})` : `${name}[${index}]`, type);

export const isF16 = (type: ViewType | undefined): type is "f16" | "packed-f16" =>
  type === "f16" || type === "packed-f16";

export const isVec8 = (type: ViewType): boolean => type === "f16-vec8" || type === "packed-f16-vec8";

/** An element of the WGSL array, converted to `vec4<f32>`. */
export function vectorOf(element: string, type: ViewType): string {
  if (type === "f32") return element;
  if (type === "f16") return `vec4<f32>(${element})`;
  if (type === "f16-vec8") return `vec4<f32>(bitcast<vec4<f16>>(${element}))`;
  if (type === "packed-f16" || type === "packed-f16-vec8") return `unpack_halves(${element})`;
  throw new RangeError(`${type} are not read as vectors`);
}

/** One element as `f32`, by the index of its vector and its lane. */
export function loadLane(name: string, index: string, lane: string, type: ViewType): string {
  if (type === "packed-f16" || isVec8(type)) return `${loadVector(name, index, type)}[${lane}]`;
  const element = `${name}[${index}][${lane}]`;
  return type === "f16" ? `f32(${element})` : element;
}

/** A statement that writes a `vec4<f32>`. */
export function storeVector(name: string, index: string, vector: string, type: StorageType): string {
  if (type === "f16") return `${name}[${index}] = vec4<f16>(${vector});`;
  if (type === "packed-f16") return `${name}[${index}] = pack_halves(${vector});`;
  return `${name}[${index}] = ${vector};`;
}

/** Whether its elements are vectors of four. */
export const isOfVectors = (type: ViewType): boolean => type === "f32" || isF16(type);

/** The function that reads four elements of a vector of eight. */
export const halfOf = `fn half_of(eight: vec4<u32>, index: u32) -> vec2<u32> {
  return select(eight.xy, eight.zw, index % 2u == 1u);
}`;

/** The functions that load and store packed float16. */
export const packedHalves = `fn unpack_halves(words: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}
fn pack_halves(vector: vec4<f32>) -> vec2<u32> {
  return vec2<u32>(pack2x16float(vector.xy), pack2x16float(vector.zw));
}`;
