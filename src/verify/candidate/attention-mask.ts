/**
 * Converts an attention mask to the plain form: [batch, sequence], 1 for a real position, 0 for padding.
 *
 * Two forms are accepted: 0 and 1 (any dtype), and the additive form that transformers adds to the scores, [batch, 1, 1,
 * sequence] of 0 for real positions and a very negative number (−10000, the dtype's lowest, −∞) for padding.
 *
 * Must stay true: a mask that is ambiguous, or leaves nothing to compare, is rejected, never guessed.
 */
import { describe } from "../../checkpoint/describe.ts";
import { InputError } from "../../errors.ts";
import { toFloat64 } from "../../tensor/half.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** The largest value for padding in an additive mask: softmax gives such a score no weight. */
const additiveLimit = -1000;

const expectedForms = "0 for padding and 1 for real positions, or 0 for real and at most -1000 for padding";

/**
 * @param what the tensor's name in errors: `dump.safetensors: attention_mask`.
 * @throws InputError for another shape or other values.
 */
export function plainMask(tensor: Tensor, what: string): Tensor<"i32"> {
  const shape = plainShape(tensor.shape, what);
  const values = toFloat64(tensor);
  const isAdditive = readsAsAdditive(values, tensor, what);
  const data = Int32Array.from(values, (value) => (isAdditive ? Number(value === 0) : value));
  if (data.includes(1)) return { dtype: "i32", shape, data };
  throw new InputError({
    found: `${what} marks every position as padding`,
    expected: expectedForms,
    advice: "An additive mask that masks nothing can be left out.",
  });
}

/** [batch, sequence]: drops axes of extent 1 between the two, and adds a batch axis to the mask of one sequence. */
function plainShape(shape: readonly number[], what: string): readonly [number, number] {
  const sequence = shape.at(-1);
  const between = shape.slice(1, -1);
  if (sequence !== undefined && shape.length <= 4 && between.every((extent) => extent === 1)) {
    return [shape.length === 1 ? 1 : (shape[0] ?? 1), sequence];
  }
  throw new InputError({
    found: `${what} is ${describe(shape)}`,
    expected: "[batch, sequence] or [batch, 1, 1, sequence]",
    advice: "Dump the mask of the keys, which is one row a sequence.",
  });
}

function readsAsAdditive(values: Float64Array, { shape, dtype }: Tensor, what: string): boolean {
  const wrong = values.find((value) => !(value === 0 || value === 1 || value <= additiveLimit));
  const hasOne = values.includes(1);
  const hasPenalty = values.some((value) => value <= additiveLimit);
  if (wrong === undefined && !(hasOne && hasPenalty)) {
    // All zeros: an additive mask without padding if shape and dtype allow it, else everything is masked.
    return hasPenalty || (!hasOne && shape.length > 2 && dtype.includes("f"));
  }
  const found = wrong === undefined ? "both 1 and large negative numbers" : String(wrong);
  throw new InputError({ found: `${what} holds ${found}`, expected: expectedForms });
}
