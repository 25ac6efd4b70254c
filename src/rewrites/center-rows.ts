/**
 * Subtracts each row's first column before its mean is computed: with d = x − x₀, x − mean(x) = d − mean(d).
 *
 * This is an identity in real numbers, but matters in float32 for rows far from zero: the rounding error of a mean of
 * 589,825 exceeds the ε of a LayerNorm by ten orders of magnitude, and a GPU's division need not be correctly rounded
 * (2.5 ULP in WGSL). Here equal elements become exact zeros in any summation order.
 *
 * Applies to every subtraction of a row's own mean (every LayerNorm), at every level, for accuracy and not speed. Does
 * not apply to other uses of a mean.
 */
import { divide, slice, subtract, sum } from "../program/build.ts";
import { elementwiseOperands, meanOf } from "../program/patterns.ts";
import type { Program, Value } from "../program/program.ts";
import { rewrite } from "./rewrite.ts";

export function centerRows(program: Program): Program {
  return rewrite(program, (value) => {
    const [row, mean] = elementwiseOperands(value, "subtract");
    const width = row?.shape.at(-1);
    if (row === undefined || typeof width !== "number" || width === 1 || meanOf(mean) !== row) return value;
    if (isCentred(row)) return value;
    const shifted = subtract(row, slice(row, row.shape.length - 1, 0, 1));
    const [, count] = elementwiseOperands(mean, "divide") as readonly [Value, Value];
    return subtract(shifted, divide(sum(shifted), count));
  });
}

/** Whether a row already is x − x₀. */
function isCentred(row: Value): boolean {
  const [operand, first] = elementwiseOperands(row, "subtract");
  const operation = first?.operation;
  return operation?.kind === "slice" && operation.operand === operand && operation.start === 0;
}
