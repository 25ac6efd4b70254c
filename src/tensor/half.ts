/**
 * Conversions between binary16 or bfloat16 bits and numbers.
 *
 * Must stay true: decoding is exact; encoding rounds to nearest, ties to even. Nothing is imported, because loading
 * this delays the first answer.
 */
import type { Tensor } from "./tensor.ts";

let f16Values: Float32Array | undefined;

/**
 * The values of all 65,536 binary16 bit patterns, built once: a look-up is much faster than arithmetic. The library
 * would take 40 ms to build it, a tenth of the time to load the built-in model.
 */
function f16Table(): Float32Array {
  if (f16Values !== undefined) return f16Values;
  const values = new Float32Array(65_536);
  for (let bits = 0; bits < values.length; bits++) values[bits] = f16Value(bits);
  f16Values = values;
  return values;
}

/** IEEE 754-2008, binary16: a sign bit, 5 bits of exponent with bias 15, 10 bits of mantissa. */
function f16Value(bits: number): number {
  const magnitude = f16Magnitude((bits >>> 10) & 0x1f, bits & 0x3ff);
  return bits < 0x8000 ? magnitude : -magnitude;
}

function f16Magnitude(exponent: number, mantissa: number): number {
  if (exponent === 31) return mantissa === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? mantissa / 2 ** 24 : (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** Fewer values than this are decoded sooner than the table is built. */
const enoughForTable = 8192;

/** Decodes binary16 bits into `target`, which must be as long as `bits`. */
export function decodeF16(bits: Uint16Array, target: Float32Array | Float64Array): void {
  if (f16Values === undefined && bits.length < enoughForTable) {
    for (let index = 0; index < bits.length; index++) target[index] = f16Value(bits[index] as number);
    return;
  }
  const values = f16Table();
  for (let index = 0; index < bits.length; index++) target[index] = values[bits[index] as number] as number;
}

/** Decodes bfloat16 bits into `target`, which must be as long as `bits`. */
export function decodeBf16(bits: Uint16Array, target: Float32Array | Float64Array): void {
  const word = new Uint32Array(1);
  const float = new Float32Array(word.buffer);
  for (let index = 0; index < bits.length; index++) {
    word[0] = (bits[index] as number) << 16;
    target[index] = float[0] as number;
  }
}

/** A tensor's values as float32, without a copy if they already are. */
export function toFloat32(tensor: Tensor): Float32Array {
  if (tensor.dtype === "f32") return tensor.data;
  const target = new Float32Array(tensor.data.length);
  fill(tensor, target);
  return target;
}

/** A tensor's values as float64, without a copy if they already are. */
export function toFloat64(tensor: Tensor): Float64Array {
  if (tensor.dtype === "f64") return tensor.data;
  const target = new Float64Array(tensor.data.length);
  fill(tensor, target);
  return target;
}

function fill(tensor: Tensor, target: Float32Array | Float64Array): void {
  if (tensor.dtype === "f16") decodeF16(tensor.data, target);
  else if (tensor.dtype === "bf16") decodeBf16(tensor.data, target);
  else if (tensor.dtype === "i64") target.set(Array.from(tensor.data, Number));
  else target.set(tensor.data);
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The binary16 bits nearest to a float32, ties to even; infinity on overflow. */
export function encodeF16(value: number): number {
  float[0] = value;
  const bits = word[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  // At least 2^16, or NaN.
  if (magnitude >= 0x4780_0000) return sign | (magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00);
  // Below 2^-14 a binary16 is a multiple of 2^-24.
  if (magnitude < 0x3880_0000) return sign | roundToEven(Math.abs(value) * 2 ** 24);
  // Rebias the exponent from 127 to 15 and round 13 mantissa bits away; a carry increments the exponent.
  return sign | ((magnitude - 0x3800_0000 + 0x0fff + ((magnitude >>> 13) & 1)) >>> 13);
}

function roundToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}

/** The tensor converted to float32. */
export function asFloat32(tensor: Tensor): Tensor<"f32"> {
  return { dtype: "f32", shape: tensor.shape, data: toFloat32(tensor) };
}
