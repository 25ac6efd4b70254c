/**
 * Matmuls in float64, or with the rounding of a float32 kernel.
 *
 * The right operand is transposed to [n, k], so that inner loops read consecutive elements. Blocks of 4 × 4 results
 * keep sixteen accumulators in registers, three times faster than one at a time.
 */
import { elementCount } from "../../tensor/tensor.ts";
import { contiguous, type Strided, toContiguous } from "./strided.ts";

/** Accumulation in float64, or as in a simple float32 kernel, with each product and sum rounded. */
export type Arithmetic = "f64" | "f32";

/** `[..., m, k] × [..., k, n]`; leading axes that the right operand lacks share it. */
export function multiplyMatrices(left: Strided, right: Strided, arithmetic: Arithmetic = "f64"): Strided {
  const multiplyRows = arithmetic === "f64" ? multiplyRowsF64 : multiplyRowsF32;
  const [m, k] = left.shape.slice(-2) as [number, number];
  const n = right.shape.at(-1) as number;
  const leading = left.shape.slice(0, -2);
  const a = toContiguous(left);
  const b = toContiguous(swapLastAxes(right));
  const out = new Float64Array(elementCount(leading) * m * n);
  if (right.shape.length === 2) multiplyRows(a, 0, b, 0, out, 0, elementCount(leading) * m, k, n);
  else {
    const rightCount = elementCount(right.shape.slice(0, -2));
    for (let batch = 0; batch < elementCount(leading); batch++) {
      multiplyRows(a, batch * m * k, b, (batch % rightCount) * n * k, out, batch * m * n, m, k, n);
    }
  }
  return contiguous(out, [...leading, m, n]);
}

function swapLastAxes(view: Strided): Strided {
  const swap = <T>(values: readonly T[]): T[] => [...values.slice(0, -2), values.at(-1) as T, values.at(-2) as T];
  return { ...view, shape: swap(view.shape), strides: swap(view.strides) };
}

/** out[i, j] = Σ a[i, :] · b[j, :] for row-major [m, k] and [n, k] matrices that begin at their offsets. */
type MultiplyRows = (
  a: Float64Array,
  aStart: number,
  b: Float64Array,
  bStart: number,
  out: Float64Array,
  outStart: number,
  m: number,
  k: number,
  n: number,
) => void;

/** In float32, in index order, two rows of four results at a time; the elements must be float32 values. */
const multiplyRowsF32: MultiplyRows = (a, aStart, b, bStart, out, outStart, m, k, n) => {
  const left = new Float32Array(a.subarray(aStart, aStart + m * k));
  const right = new Float32Array(b.subarray(bStart, bStart + n * k));
  for (let i = 0; i < m; i += 2) {
    // Eight independent sums hide the latency of rounding; beyond the last row and column it is computed again.
    const a0 = i * k;
    const a1 = Math.min(i + 1, m - 1) * k;
    for (let j = 0; j < n; j += 4) {
      const b0 = j * k;
      const b1 = Math.min(j + 1, n - 1) * k;
      const b2 = Math.min(j + 2, n - 1) * k;
      const b3 = Math.min(j + 3, n - 1) * k;
      let c00 = Math.fround(0);
      let c01 = Math.fround(0);
      let c02 = Math.fround(0);
      let c03 = Math.fround(0);
      let c10 = Math.fround(0);
      let c11 = Math.fround(0);
      let c12 = Math.fround(0);
      let c13 = Math.fround(0);
      for (let p = 0; p < k; p++) {
        const x0 = left[a0 + p] as number;
        const x1 = left[a1 + p] as number;
        const y0 = right[b0 + p] as number;
        const y1 = right[b1 + p] as number;
        const y2 = right[b2 + p] as number;
        const y3 = right[b3 + p] as number;
        c00 = Math.fround(c00 + Math.fround(x0 * y0));
        c01 = Math.fround(c01 + Math.fround(x0 * y1));
        c02 = Math.fround(c02 + Math.fround(x0 * y2));
        c03 = Math.fround(c03 + Math.fround(x0 * y3));
        c10 = Math.fround(c10 + Math.fround(x1 * y0));
        c11 = Math.fround(c11 + Math.fround(x1 * y1));
        c12 = Math.fround(c12 + Math.fround(x1 * y2));
        c13 = Math.fround(c13 + Math.fround(x1 * y3));
      }
      storeRow(out, outStart + i * n + j, n - j, c00, c01, c02, c03);
      if (i + 1 < m) storeRow(out, outStart + (i + 1) * n + j, n - j, c10, c11, c12, c13);
    }
  }
};

const multiplyRowsF64: MultiplyRows = (a, aStart, b, bStart, out, outStart, m, k, n) => {
  const blockedRows = m - (m % 4);
  const blockedColumns = n - (n % 4);
  for (let j = 0; j < blockedColumns; j += 4) {
    for (let i = 0; i < blockedRows; i += 4) {
      multiplyBlock(a, aStart + i * k, b, bStart + j * k, out, outStart + i * n + j, k, n);
    }
  }
  for (let i = 0; i < m; i++) {
    for (let j = i < blockedRows ? blockedColumns : 0; j < n; j++) {
      let total = 0;
      for (let p = 0; p < k; p++) {
        total += (a[aStart + i * k + p] as number) * (b[bStart + j * k + p] as number);
      }
      out[outStart + i * n + j] = total;
    }
  }
};

/** A block of 4 × 4 results; the offsets are those of the block's first elements. */
function multiplyBlock(
  a: Float64Array,
  aStart: number,
  b: Float64Array,
  bStart: number,
  out: Float64Array,
  outStart: number,
  k: number,
  n: number,
): void {
  const a1 = aStart + k;
  const a2 = a1 + k;
  const a3 = a2 + k;
  const b1 = bStart + k;
  const b2 = b1 + k;
  const b3 = b2 + k;
  let c00 = 0,
    c01 = 0,
    c02 = 0,
    c03 = 0;
  let c10 = 0,
    c11 = 0,
    c12 = 0,
    c13 = 0;
  let c20 = 0,
    c21 = 0,
    c22 = 0,
    c23 = 0;
  let c30 = 0,
    c31 = 0,
    c32 = 0,
    c33 = 0;
  for (let p = 0; p < k; p++) {
    const x0 = a[aStart + p] as number;
    const x1 = a[a1 + p] as number;
    const x2 = a[a2 + p] as number;
    const x3 = a[a3 + p] as number;
    const y0 = b[bStart + p] as number;
    const y1 = b[b1 + p] as number;
    const y2 = b[b2 + p] as number;
    const y3 = b[b3 + p] as number;
    c00 += x0 * y0;
    c01 += x0 * y1;
    c02 += x0 * y2;
    c03 += x0 * y3;
    c10 += x1 * y0;
    c11 += x1 * y1;
    c12 += x1 * y2;
    c13 += x1 * y3;
    c20 += x2 * y0;
    c21 += x2 * y1;
    c22 += x2 * y2;
    c23 += x2 * y3;
    c30 += x3 * y0;
    c31 += x3 * y1;
    c32 += x3 * y2;
    c33 += x3 * y3;
  }
  storeRow(out, outStart, n, c00, c01, c02, c03);
  storeRow(out, outStart + n, n, c10, c11, c12, c13);
  storeRow(out, outStart + 2 * n, n, c20, c21, c22, c23);
  storeRow(out, outStart + 3 * n, n, c30, c31, c32, c33);
}

/** Stores the first `columns` of four elements. An array of them and `set` would take as long as their sums. */
function storeRow(
  out: Float64Array,
  to: number,
  columns: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
): void {
  out[to] = c0;
  if (columns > 1) out[to + 1] = c1;
  if (columns > 2) out[to + 2] = c2;
  if (columns > 3) out[to + 3] = c3;
}
