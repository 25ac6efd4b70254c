/** Sums of squares, of which every relative error here is a ratio. */

export function sumOfSquares(values: Float64Array): number {
  return values.reduce((total, value) => total + value * value, 0);
}

export function squaredDistance(a: Float64Array, b: Float64Array): number {
  return a.reduce((total, value, index) => total + (value - (b[index] as number)) ** 2, 0);
}
