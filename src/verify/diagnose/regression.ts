/**
 * Linear regression with the noise of rounding: an independent error of each element, and *drifts*, directions along which
 * all elements may be off together by an unknown amount of standard deviation one.
 *
 * The generalised least squares estimate for such noise is an ordinary one after the drifts are projected out. Limiting the
 * projection by the drifts' size is the same as augmenting each drift with one element that holds the standard deviation of
 * a single element (ridge regression by augmentation).
 */
export interface Noise {
  /** Standard deviation of a single element's error. */
  readonly deviation: number;
  /** Orthonormal; the elements beyond the data's length are the augmentation. */
  readonly basis: readonly Float64Array[];
}

export function noiseOf(deviation: number, drifts: readonly Float64Array[]): Noise {
  const basis: Float64Array[] = [];
  for (const [position, drift] of drifts.entries()) {
    const vector = new Float64Array(drift.length + drifts.length);
    vector.set(drift);
    vector[drift.length + position] = deviation;
    const before = dot(vector, vector);
    projectOut(vector, basis);
    const norm = Math.sqrt(dot(vector, vector));
    // A drift that depends linearly on others leaves only float64 rounding errors.
    if (norm > 1e-9 * Math.sqrt(before)) basis.push(vector.map((element) => element / norm));
  }
  return { deviation, basis };
}

/** The slope of a response on an effect, and the distance of a slope of one from zero in standard errors. */
export function regress(
  effect: Float64Array,
  response: Float64Array,
  { deviation, basis }: Noise,
): { slope: number; significance: number } {
  const length = basis[0]?.length ?? effect.length;
  const residual = new Float64Array(length);
  residual.set(effect);
  projectOut(residual, basis);
  const squared = dot(residual, residual);
  if (squared === 0) return { slope: 0, significance: 0 };
  return {
    slope: dot(response, residual) / squared,
    significance: deviation === 0 ? Number.POSITIVE_INFINITY : Math.sqrt(squared) / deviation,
  };
}

/** Subtracts the vector's components along an orthonormal basis. */
function projectOut(vector: Float64Array, basis: readonly Float64Array[]): void {
  for (const direction of basis) {
    const component = dot(vector, direction);
    for (let index = 0; index < vector.length; index++) {
      vector[index] = (vector[index] as number) - component * (direction[index] as number);
    }
  }
}

/** Ignores elements of `b` beyond the length of `a`. */
function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let index = 0; index < a.length; index++) total += (a[index] as number) * (b[index] as number);
  return total;
}
