/**
 * A batch for tests of kernels: sequences padded to the longest of them.
 */
import type { Tensor } from "../../src/tensor/tensor.ts";

/**
 * @param lengths of the sequences, in tokens.
 * @param idAt the token id at a row and a position, also at padding.
 */
export function paddedInputs(
  lengths: readonly number[],
  idAt: (row: number, position: number) => number,
): Map<string, Tensor> {
  const [batch, sequence] = [lengths.length, Math.max(...lengths)];
  const integers = (of: (row: number, position: number) => number): Tensor => {
    const at = (index: number): number => of(Math.floor(index / sequence), index % sequence);
    return {
      dtype: "i32",
      shape: [batch, sequence],
      data: Int32Array.from({ length: batch * sequence }, (_, index) => at(index)),
    };
  };
  return new Map([
    ["input_ids", integers(idAt)],
    ["token_type_ids", integers((_, position) => (position > 3 ? 1 : 0))],
    ["position_ids", integers((_, position) => position)],
    ["token_indices", integers((_, position) => position)],
    ["attention_mask", integers((row, position) => (position < (lengths[row] ?? 0) ? 1 : 0))],
  ]);
}
