/**
 * Linear regression under the noise that rounding makes: each element its own error, and beside that *drifts*, directions
 * in which all elements may be off together by an unknown amount of standard deviation one.
 *
 * The generalised least squares estimate for such noise is an ordinary one after what the drifts can account for was taken
 * out. Taking it out only as far as the drifts' size allows is the same as projecting with one more element a drift, which
 * holds the standard deviation of a single element (ridge regression by augmentation).
 */
export interface Noise {
  /** Standard deviation of a single element's error. */
  readonly deviation: number;
  /** Orthonormal; the elements beyond the data's are those of the augmentation. */
  readonly basis: readonly Float64Array[];
}

export function noiseOf(deviation: number, drifts: readonly Float64Array[]): Noise {
  const basis: Float64Array[] = [];
  for (const [position, drift] of drifts.entries()) {
    const vector = new Float64Array(drift.length + drifts.length);
    vector.set(drift);
    vector[drift.length + position] = deviation;
    const before = dot(vector, vector);
    takeOut(vector, basis);
    const norm = Math.sqrt(dot(vector, vector));
    // Of a drift that others make up, nothing but errors of float64 is left.
    if (norm > 1e-9 * Math.sqrt(before)) basis.push(vector.map((element) => element / norm));
  }
  return { deviation, basis };
}

/** The slope of a response on an effect, and how many standard errors a slope of one would be away from zero. */
export function regress(
  effect: Float64Array,
  response: Float64Array,
  { deviation, basis }: Noise,
): { slope: number; significance: number } {
  const length = basis[0]?.length ?? effect.length;
  const own = new Float64Array(length);
  own.set(effect);
  takeOut(own, basis);
  const squared = dot(own, own);
  if (squared === 0) return { slope: 0, significance: 0 };
  return {
    slope: dot(response, own) / squared,
    significance: deviation === 0 ? Number.POSITIVE_INFINITY : Math.sqrt(squared) / deviation,
  };
}

/** Subtracts a vector's components along orthonormal others. */
function takeOut(vector: Float64Array, basis: readonly Float64Array[]): void {
  for (const direction of basis) {
    const component = dot(vector, direction);
    for (let index = 0; index < vector.length; index++) {
      vector[index] = (vector[index] as number) - component * (direction[index] as number);
    }
  }
}

/** Over as many elements as the first one has. */
function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let index = 0; index < a.length; index++) total += (a[index] as number) * (b[index] as number);
  return total;
}
