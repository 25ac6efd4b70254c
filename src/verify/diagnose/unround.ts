/**
 * Undoes a rounding at random: a value that might have been before it was stored.
 *
 * A dump holds what a kernel stored, not what it computed with: a fused kernel goes on with its unrounded registers. The
 * original's operation on the stored inputs therefore differs from the kernel's output by what storing the inputs cost,
 * though nobody did anything wrong. Feeding inputs that lie within half a unit of the stored ones shows how much that is.
 */
import { toFloat64 } from "../../tensor/half.ts";
import { seededNormal } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { spacingAt } from "../compare/ulp.ts";
import type { Precision } from "../layer/precision.ts";

/** Standard deviation of a rounding error, in units of the spacing: that of a uniform one, 1/√12. */
const deviation = 1 / Math.sqrt(12);

/** Zeros stay zeros: what is masked, or cut off by a ReLU, was zero before it was stored. */
export function unround(tensor: Tensor, precision: Precision): Tensor<"f64"> {
  const random = seededNormal(0);
  const data = toFloat64(tensor).map((value) => {
    return value === 0 || !Number.isFinite(value) ? value : value + deviation * random() * spacingAt(value, precision);
  });
  return { dtype: "f64", shape: tensor.shape, data };
}
