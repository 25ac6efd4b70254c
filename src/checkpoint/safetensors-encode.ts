/**
 * Writes safetensors files in the reference writer's layout: a header padded to 8 bytes, then tensors by descending
 * element size and by name, so that every tensor is aligned in a memory-mapped file.
 */
import { InputError } from "../errors.ts";
import { bytesPerElement, type DType, elementCount, type Tensor } from "../tensor/tensor.ts";
import { describe } from "./describe.ts";

const NAMES: Readonly<Record<DType, string>> = {
  f64: "F64",
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  i64: "I64",
  i32: "I32",
  u8: "U8",
};

/**
 * Returns the bytes of a safetensors file.
 * @throws InputError if a tensor's data does not fit its shape, or its name is `__metadata__`.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort(byWidthThenName);
  const entries: [string, object][] = metadata === undefined ? [] : [["__metadata__", metadata]];
  let offset = 0;
  for (const [name, tensor] of sorted) {
    checkTensor(name, tensor);
    const { dtype, shape, data } = tensor;
    entries.push([name, { dtype: NAMES[dtype], shape, data_offsets: [offset, offset + data.byteLength] }]);
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerLength + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.fill(0x20, 8, 8 + headerLength).set(json, 8);
  let position = 8 + headerLength;
  for (const [, { data }] of sorted) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return file;
}

function byWidthThenName([nameA, a]: [string, Tensor], [nameB, b]: [string, Tensor]): number {
  return bytesPerElement[b.dtype] - bytesPerElement[a.dtype] || (nameA < nameB ? -1 : 1);
}

function checkTensor(name: string, { shape, data }: Tensor): void {
  if (name === "__metadata__") {
    throw new InputError({
      found: "A tensor is called __metadata__",
      expected: "a name that the format does not reserve",
    });
  }
  if (data.length !== elementCount(shape)) {
    throw new InputError({
      found: `Tensor ${describe(name)} has ${data.length} elements`,
      expected: `${elementCount(shape)}, as its shape ${describe(shape)} says`,
    });
  }
}
