/**
 * erf, GELU and tanh in WGSL, which has no erf and allows its tanh an absolute error of 1e-5.
 *
 * Each is one self-contained branchless function of `vec4<f32>`; a kernel includes the text of those it calls. The test
 * evaluates this very text, so there is no second copy of a formula.
 *
 * Must stay true, where the device rounds sums and products to nearest and keeps to WGSL's bounds for `exp`, `exp2` and
 * division. The figures are the maximum of a dense sweep with correctly rounded `exp`, `exp2` and division, and in brackets
 * with the errors that WGSL allows:
 *
 * - erf4: within 1.3 units in the last place (3.4). Exactly ±1 from |x| = 4 on.
 * - gelu4: within 1.1e-7 |x| (3.4e-7), the limit of float32's rounding of x on the positive side; relative to the result
 *   within 1.7e-7 (6.8e-7) for x ≥ 0, and within 4.4e-6 (1.1e-5) down to x = −6, where it is −5.9e-9. Below it falls to 0,
 *   exactly 0 from x = −13.25 on; exactly x from x = 6 on.
 * - tanh4: within 1.4 units in the last place (3.2). Exactly ±1 from |x| = 10 on.
 *
 * Arguments are clamped, so that nothing overflows in the selected branch for any x. WGSL guarantees nothing for infinities
 * and NaN; on IEEE 754 devices ±Inf gives the limit and NaN stays NaN, since its lane fails every comparison and selects an
 * expression of x itself. Denormal numbers, also intermediate ones, may become 0: below |x| = 2⁻¹²², erf4 may be x itself.
 *
 * Operations per lane, fused products counted once: erf4 20 and exp2; gelu4 15 and exp2; tanh4 18, one of them a reciprocal,
 * and exp.
 *
 * The coefficients are minimax fits (least squares with Lawson's weights, in float64, against SciPy's erf, erfc and
 * log_ndtr), rounded to float32 one by one, with the rest refitted after each. Each comment gives the function, the interval
 * and the relative error of the result after rounding. All lists begin with the lowest power.
 */

/** (erf(x)/x − 1) in x², 0 ≤ |x| ≤ 0.875: 1.4e-8. */
const erfNearZero = [0.128379151, -0.376125067, 0.112819627, -0.0267722793, 0.00500202086, -0.000603880559];

/** log₂ erfc(x) in x, 0.875 ≤ x ≤ 3.95: 1.9e-9 of erf. Falls on, to below 2⁻⁵⁴, up to x = 6, where the argument is clamped. */
const erfTail = [
  -0.000192707346, -1.62726784, -0.918617725, -0.150512651, 0.0323454514, -0.00446120743, 0.000289973133,
];

/** (log₂ Φ(−t) + 1)/t in t, 0 ≤ t ≤ 6: 4.7e-8 of Φ, times the exponent where that is larger. Falls on, to below 2⁻²⁹³ at 13.25. */
const normalTail = [
  -1.1511067, -0.4591947, -0.05252894, 0.007083496, -0.00011498709, -0.00022339844, 6.0012255e-5, -8.1423705e-6,
  5.9604457e-7, -1.8628928e-8,
];

/** (tanh(x)/x − 1)/x² in x², 0 ≤ |x| ≤ 0.625: 4.5e-9. */
const tanhNearZero = [-0.333332807, 0.133314058, -0.0537365153, 0.0206281673, -0.0056922962];

/** A polynomial as nested WGSL (Horner); each step is a product and a sum, which devices fuse. */
function polynomial(variable: string, coefficients: readonly number[]): string {
  return coefficients
    .map((coefficient) => `${coefficient}f`)
    .reduceRight((inner, coefficient) => `(${inner} * ${variable} + ${coefficient})`);
}

/**
 * erf(x) = 2/√π ∫₀ˣ e^(−t²) dt. Near 0 a correction of x, elsewhere 1 − erfc: there erfc is at most a quarter of the
 * result, so that the error of `exp2` counts little.
 */
const erfSource = `
fn erf4(x: vec4<f32>) -> vec4<f32> {
  let t = min(abs(x), vec4<f32>(6f));
  let square = t * t;
  let near = x + x * ${polynomial("square", erfNearZero)};
  let tail = 1f - exp2(${polynomial("t", erfTail)});
  let far = select(tail, -tail, x < vec4<f32>(0f));
  return select(near, far, abs(x) >= vec4<f32>(0.875f));
}
`;

/**
 * GELU (Hendrycks and Gimpel, 2016), x Φ(x) = max(x, 0) − |x| Φ(−|x|): in the negative tail only the subtrahend is not 0,
 * so nothing cancels there; it is at most half of x, so little cancels on the positive side. Φ(−t) is a power of two whose
 * exponent is a polynomial: no quotient, one built-in function. A large exponent's error is in a result small beside x.
 */
const geluSource = `
fn gelu4(x: vec4<f32>) -> vec4<f32> {
  let t = min(abs(x), vec4<f32>(13.25f));
  let tail = t * exp2(t * ${polynomial("t", normalTail)} - 1f);
  return select(x, vec4<f32>(0f), x < vec4<f32>(0f)) - tail;
}
`;

/** tanh(x), near 0 a correction of x, elsewhere 1 − 2/(e^(2|x|) + 1). Some drivers' own tanh is NaN from |x| = 44 on. */
const tanhSource = `
fn tanh4(x: vec4<f32>) -> vec4<f32> {
  let t = min(abs(x), vec4<f32>(10f));
  let square = t * t;
  let near = x + x * (square * ${polynomial("square", tanhNearZero)});
  let tail = 1f - 2f / (exp(2f * t) + 1f);
  let far = select(tail, -tail, x < vec4<f32>(0f));
  return select(near, far, abs(x) >= vec4<f32>(0.625f));
}
`;

export type SpecialFunction = "erf4" | "gelu4" | "tanh4";

/** Each function's source, by the name it defines. No function calls another. */
export const specialFunctions: Readonly<Record<SpecialFunction, string>> = {
  erf4: erfSource,
  gelu4: geluSource,
  tanh4: tanhSource,
};
