/**
 * Centres rows on their own first column before their mean is taken: with d = x − x₀, x − mean(x) = d − mean(d).
 *
 * In real numbers nothing changes. In float32 everything does for rows far from zero: the rounding of a mean of 589,825
 * is larger than the ε of a LayerNorm by ten orders of magnitude, and a division on a GPU need not even be correctly
 * rounded (2.5 ULP in WGSL). Equal elements become exact zeros here, however the sum is taken and divided.
 *
 * Applies wherever a row has its own mean subtracted (every LayerNorm), at every level: it makes float32 kernels right, not
 * fast. Does not apply to a mean that is used in any other way.
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

/** Already x − x₀. */
function isCentred(row: Value): boolean {
  const [operand, first] = elementwiseOperands(row, "subtract");
  const operation = first?.operation;
  return operation?.kind === "slice" && operation.operand === operand && operation.start === 0;
}
