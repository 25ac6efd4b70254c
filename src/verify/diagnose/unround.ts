/**
 * Reverses rounding at random: returns values that could have been rounded to the stored ones.
 *
 * A dump has a kernel's stored values, but a fused kernel continues with unrounded registers. The original's operation on
 * stored inputs therefore differs from the output of a correct kernel by the rounding of the inputs. Running it on inputs
 * within half a unit of the stored ones measures that difference.
 */
import { toFloat64 } from "../../tensor/half.ts";
import { seededNormal } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { spacingAt } from "../compare/ulp.ts";
import type { Precision } from "../layer/precision.ts";

/** Standard deviation of a uniform rounding error, in units of the spacing. */
const deviation = 1 / Math.sqrt(12);

/** Zeros are unchanged: masked values, and those cut off by a ReLU, were zero before they were stored. */
export function unround(tensor: Tensor, precision: Precision): Tensor<"f64"> {
  const random = seededNormal(0);
  const data = toFloat64(tensor).map((value) => {
    return value === 0 || !Number.isFinite(value) ? value : value + deviation * random() * spacingAt(value, precision);
  });
  return { dtype: "f64", shape: tensor.shape, data };
}
