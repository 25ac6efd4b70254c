/**
 * Replaces non-finite padding of a dump by zeros.
 *
 * Padding is never compared, but the original's operations are run on the dump's tensors, and a NaN at a masked key would
 * reach every real row through 0 · NaN.
 *
 * Must stay true: finite padding is unchanged, since a kernel that ignores the mask did compute with it.
 */
import { toFloat64 } from "../../tensor/half.ts";
import { elementCount, type Tensor } from "../../tensor/tensor.ts";

/** @param tensor a stage or hidden states; non-finite elements in padding rows and at masked keys become zeros. */
export function cleanPadding(tensor: Tensor, attentionMask: Tensor<"i32">): Tensor {
  if (attentionMask.data.every((value) => value !== 0)) return tensor;
  const [batch = 0, sequence = 0] = attentionMask.shape;
  const width = tensor.shape.at(-1) ?? 1;
  const rowsPerItem = elementCount(tensor.shape) / batch / width;
  const byKey = tensor.shape.length === 4;
  const isMasked = (item: number, position: number) => attentionMask.data[item * sequence + position] === 0;
  const data = toFloat64(tensor).map((value, index) => {
    if (Number.isFinite(value)) return value;
    const row = Math.floor(index / width);
    const item = Math.floor(row / rowsPerItem);
    return isMasked(item, row % sequence) || (byKey && isMasked(item, index % width)) ? 0 : value;
  });
  return { dtype: "f64", shape: tensor.shape, data };
}
