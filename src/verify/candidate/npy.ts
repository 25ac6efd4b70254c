/**
 * Reads .npy files, NumPy's format for one array.
 *
 * Must stay true: no allocation is larger than the file; the data have exactly the length that the header implies; the
 * tensor is row-major, also if the file is column-major.
 */
import { describe, grouped } from "../../checkpoint/describe.ts";
import type { ByteSource } from "../../checkpoint/files.ts";
import { InputError } from "../../errors.ts";
import { tensorFromBytes } from "../../tensor/bytes.ts";
import { bytesPerElement, type DType, type Tensor } from "../../tensor/tensor.ts";
import { type NpyHeader, npyAdvice, parseNpyHeader, parsePreamble, preambleBytes } from "./npy-header.ts";

/** NumPy writes | for dtypes without a byte order. bool is a byte, 0 or 1. */
const dtypes: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["<f2", "f16"],
  ["<f4", "f32"],
  ["<f8", "f64"],
  ["<i4", "i32"],
  ["<i8", "i64"],
  ["|u1", "u8"],
  ["|b1", "u8"],
]);

/**
 * @param fileName the file's name in errors.
 * @throws InputError if it is not a .npy file, damaged, or of a dtype that fusebert does not read.
 */
export async function readNpy(source: ByteSource, fileName: string): Promise<Tensor> {
  const first = await source.read(0, Math.min(preambleBytes, source.size));
  const { start, end, encoding } = parsePreamble(first, source.size, fileName);
  const text = new TextDecoder(encoding).decode(await source.read(start, end));
  const header = parseNpyHeader(text, fileName);
  const dtype = dtypeOf(header.descr, fileName);
  checkSize(header, dtype, source.size - end, fileName);
  const bytes = await source.read(end, source.size);
  const data = header.fortranOrder ? rowMajor(bytes, dtype, header.shape) : bytes;
  return tensorFromBytes(dtype, header.shape, data);
}

function dtypeOf(descr: string, fileName: string): DType {
  const dtype = dtypes.get(descr);
  if (dtype !== undefined) return dtype;
  const found = `${fileName} holds ${describe(descr)}`;
  const expected = [...dtypes.keys()].join(", ");
  if (dtypes.has(descr.replace(/^>/, "<"))) {
    const advice = `Convert it: array.astype("${descr.replace(/^>/, "<")}").`;
    return fail({ found: `${found}, which is big-endian`, expected, advice });
  }
  if (/V2$/.test(descr)) {
    // NumPy does not know bfloat16 and writes it as two bytes of raw data.
    const advice = "If these are bfloat16 numbers, save them as safetensors: .npy does not keep that dtype.";
    return fail({ found, expected, advice });
  }
  if (/O$/.test(descr)) return fail({ found: `${found}, pickled Python objects`, expected, advice: npyAdvice });
  return fail({ found, expected, advice: 'Convert it: array.astype("<f4").' });
}

function checkSize({ shape }: NpyHeader, dtype: DType, found: number, fileName: string): void {
  const expected = shape.reduce((product, extent) => product * extent, bytesPerElement[dtype]);
  if (expected === found) return;
  fail({
    found: `${fileName} has ${grouped(found)} bytes of data`,
    expected: `${grouped(expected)} for ${dtype} of shape ${describe(shape)}`,
    advice: "Check that the file is complete, and dump it again.",
  });
}

function fail(parts: ConstructorParameters<typeof InputError>[0]): never {
  throw new InputError(parts);
}

/** The bytes of a column-major array, whose first axis runs fastest, in row-major order. */
function rowMajor(bytes: Uint8Array, dtype: DType, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const size = bytesPerElement[dtype];
  const result = new Uint8Array(bytes.length);
  const index = shape.map(() => 0);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, extent) => product * extent, size));
  let from = 0;
  for (let to = 0; to < bytes.length; to += size) {
    for (let byte = 0; byte < size; byte++) result[to + byte] = bytes[from + byte] as number;
    // Advances to the next index in row-major order.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] as number;
      const extent = shape[axis] as number;
      from += stride;
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < extent) break;
      index[axis] = 0;
      from -= stride * extent;
    }
  }
  return result;
}
