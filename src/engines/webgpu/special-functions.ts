/**
 * erf, GELU and tanh in WGSL, which has no erf and allows its tanh an absolute error of 1e-5.
 *
 * Each is one self-contained function of `vec4<f32>`, lane by lane and without branches; a kernel includes the text of
 * those it calls. The test evaluates this very text, so there is no second copy of a formula that could differ.
 *
 * Must stay true, where the device rounds sums and products to nearest and keeps to WGSL's bounds for `exp`, `exp2` and
 * division. The figures are the worst of a dense sweep, with correctly rounded `exp`, `exp2` and division, and in brackets
 * with the errors WGSL allows them:
 *
 * - erf4: within 1.3 units in the last place (3.4). Exactly ±1 from |x| = 4 on.
 * - gelu4: within 4.1e-7 relative (6.4e-7), wherever the result is a normal number (x ≥ −13.1). Exactly x from x = 6 on,
 *   exactly 0 up to x = −13.25.
 * - tanh4: within 1.4 units in the last place (3.2). Exactly ±1 from |x| = 10 on.
 *
 * Arguments are clamped, so that whatever the size of x nothing overflows in what is selected. WGSL promises nothing about
 * infinities and NaN; on devices that keep to IEEE 754, ±Inf gives the limit and NaN stays NaN: the lane of a NaN fails
 * every comparison, and what is selected then is computed from x itself. Denormal numbers may become 0, also on the way:
 * below |x| = 2⁻¹²², erf4 may be x itself.
 *
 * Cost a lane, fused products counted once: erf4 20 operations and exp2; gelu4 36, one of them a reciprocal, no exp;
 * tanh4 18, one of them a reciprocal, and exp.
 *
 * The coefficients are our own minimax fits (least squares with Lawson's weights, in float64, against SciPy's erf, erfc and
 * erfcx). Those of a polynomial were rounded to float32 one after the other, the rest fitted again after each; those of
 * the quotient all at once, then moved by single units in the last place while that made the worst error smaller.
 * Beside each stand the function, the interval and the relative error of the result left after rounding.
 * All lists begin with the lowest power.
 */

/** (erf(x)/x − 1) in x², 0 ≤ |x| ≤ 0.875: 1.4e-8. */
const erfNearZero = [0.128379151, -0.376125067, 0.112819627, -0.0267722793, 0.00500202086, -0.000603880559];

/** log₂ erfc(x) in x, 0.875 ≤ x ≤ 3.95: 1.9e-9 of erf. Falls on, to below 2⁻⁵⁴, up to x = 6, where the argument is clamped. */
const erfTail = [
  -0.000192707346, -1.62726784, -0.918617725, -0.150512651, 0.0323454514, -0.00446120743, 0.000289973133,
];

/** e^(−r/2) in r, −0.6935 ≤ r ≤ 0.8: 4.8e-9. */
const exponential = [1, -0.5, 0.12499994, -0.0208331309, 0.0026046203, -0.000261572073, 2.10186427e-5];

/**
 * e^(t²/2) Φ(−t) = erfcx(t/√2)/2 as a quotient in t, 0 ≤ t ≤ 13.3: 8.2e-9. All coefficients are positive, so that nothing
 * cancels.
 */
const tailNumerator = [0.5, 0.43568626, 0.18130672, 0.0399841629, 0.00402018987];
const tailDenominator = [1, 1.6692574, 1.19448411, 0.464380205, 0.100232817, 0.0100769782];

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
export const erfSource = `
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
 * GELU (Hendrycks and Gimpel, 2016), x Φ(x) = max(x, 0) − |x| Φ(−|x|): the subtrahend alone is the negative tail, so
 * that nothing cancels there, and it is at most half of x, so that little cancels on the positive side.
 *
 * Φ(−t) = e^(−t²/2) · quotient(t). An error of t² would count a hundredfold in the exponential, hence:
 * - t² = high² + (t − high)(t + high), where high keeps 12 of the 24 bits of t, so that high² is exact;
 * - t² = n · 2 ln 2 + r with n whole, where 2 ln 2 is a sum of two numbers of which the first has 17 bits: n times it is
 *   exact, and so is the difference from high²;
 * - e^(−t²/2) = 2⁻ⁿ e^(−r/2), the power of two made from its exponent bits: 2²³ + 127 − n holds 127 − n in its lowest bits,
 *   and shifting leaves only them. At the clamp n is 127, the bits are those of 0, and the result is exact.
 */
export const geluSource = `
fn gelu4(x: vec4<f32>) -> vec4<f32> {
  let t = min(abs(x), vec4<f32>(13.25f));
  let high = bitcast<vec4<f32>>(bitcast<vec4<u32>>(t) & vec4<u32>(0xfffff000u));
  let square = high * high;
  let n = round(square * 0.721347511f);
  let r = (square - n * 1.38629150390625f) + ((t - high) * (t + high) - n * 2.85721353e-6f);
  let scale = bitcast<vec4<f32>>(bitcast<vec4<u32>>(8388735f - n) << vec4<u32>(23u));
  let quotient = t * ${polynomial("t", tailNumerator)} / ${polynomial("t", tailDenominator)};
  let tail = quotient * ${polynomial("r", exponential)} * scale;
  return select(x, vec4<f32>(0f), x < vec4<f32>(0f)) - tail;
}
`;

/** tanh(x), near 0 a correction of x, elsewhere 1 − 2/(e^(2|x|) + 1). Some drivers' own tanh is NaN from |x| = 44 on. */
export const tanhSource = `
fn tanh4(x: vec4<f32>) -> vec4<f32> {
  let t = min(abs(x), vec4<f32>(10f));
  let square = t * t;
  let near = x + x * (square * ${polynomial("square", tanhNearZero)});
  let tail = 1f - 2f / (exp(2f * t) + 1f);
  let far = select(tail, -tail, x < vec4<f32>(0f));
  return select(near, far, abs(x) >= vec4<f32>(0.625f));
}
`;

/** The text of each function, under the name it defines. None needs another. */
export type SpecialFunction = "erf4" | "gelu4" | "tanh4";

export const specialFunctions: Readonly<Record<SpecialFunction, string>> = {
  erf4: erfSource,
  gelu4: geluSource,
  tanh4: tanhSource,
};
