/**
 * Number formats of reports, for the HTML page and the terminal.
 *
 * A report read back from JSON has `null` for NaN and infinities: every function accepts it.
 */

export type Figure = number | null | undefined;

const missing = "–";

/** `1.2e-7`, so that a column of errors is easy to compare; `0.31` and `391` where that is as short. */
export function scientific(value: Figure, digits = 1): string {
  const special = notFinite(value);
  if (special !== undefined || typeof value !== "number") return special ?? missing;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-2 || size >= 10 ** Math.max(digits + 1, 3)) return exponential(value, digits);
  return value.toPrecision(Math.max(digits + 1, Math.floor(Math.log10(size)) + 1));
}

/** A power of ten on an axis: `1e-7`, `0.01`, `1`, `100`. */
export function powerOfTen(exponent: number): string {
  return exponent < -2 || exponent > 3 ? `1e${exponent}` : String(10 ** exponent);
}

/** `0.93`, `12.1`, `1510`, `1.5e6`; an error over a budget of zero has an infinite ratio, which is `null`. */
export function formatRatio(ratio: Figure): string {
  if (ratio === null || ratio === Number.POSITIVE_INFINITY) return "∞";
  if (ratio === undefined || Number.isNaN(ratio)) return missing;
  if (ratio === 0) return "0";
  if (ratio < 0.005 || ratio >= 1e5) return exponential(ratio, 1);
  return ratio.toFixed(ratio < 10 ? 2 : ratio < 100 ? 1 : 0);
}

function exponential(value: number, digits: number): string {
  return value.toExponential(digits).replace("e+", "e");
}

/** `71.0 %`, `0.0120 %`, `7.30e-6 %`. */
export function percent(share: Figure, digits = 3): string {
  const special = notFinite(share);
  if (special !== undefined || typeof share !== "number") return special ?? missing;
  const size = Math.abs(share * 100);
  const plain = size === 0 || (size >= 1e-3 && size < 1e5);
  if (!plain) return `${exponential(share * 100, digits - 1)} %`;
  return `${size === 0 ? "0" : (share * 100).toPrecision(Math.max(digits, Math.floor(Math.log10(size)) + 1))} %`;
}

/** `0.0123` and `630`; an exponent for very large and small numbers. */
export function compact(value: Figure, digits = 3): string {
  const special = notFinite(value);
  if (special !== undefined || typeof value !== "number") return special ?? missing;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return exponential(value, digits - 1);
  return String(Number(value.toPrecision(Math.max(digits, Math.ceil(Math.log10(size))))));
}

/** `0.999999999998`: digits that show the distance from one. */
export function formatCosine(cosine: Figure): string {
  if (typeof cosine !== "number" || !Number.isFinite(cosine)) return missing;
  return Math.abs(cosine) > 0.9 ? String(Number(cosine.toFixed(12))) : cosine.toFixed(4);
}

/** Signal-to-quantisation-noise ratio; `–` if nothing differs. */
export function decibel(sqnr: Figure): string {
  return typeof sqnr === "number" && Number.isFinite(sqnr) ? `${sqnr.toFixed(1)} dB` : missing;
}

/** `65,504`, `3.4e38` */
export function magnitude(value: Figure): string {
  return typeof value === "number" && Math.abs(value) < 1e12
    ? count(Math.abs(value) < 1e3 ? value : Math.round(value))
    : compact(value);
}

/** `294,912` */
export function count(value: Figure): string {
  return typeof value === "number" ? value.toLocaleString("en-US") : missing;
}

/** `1 × 384 × 768` */
export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? "scalar" : shape.join(" × ");
}

/** `[0, 12, 345]`; empty for no element. */
export function formatIndex(index: readonly number[]): string {
  return index.length === 0 ? "" : `[${index.join(", ")}]`;
}

/** `layer.0.query` → `query` */
export function shortStage(stage: string): string {
  return stage.replace(/^layer\.\d+\./, "");
}

/** `0, 2–4 and 7` */
export function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return listed(runs.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)));
}

/** `a, b and c` */
export function listed(words: readonly string[], conjunction = "and"): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${conjunction} ${words.at(-1)}`;
}

function notFinite(value: Figure): string | undefined {
  if (value === null || value === undefined) return missing;
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? undefined : value > 0 ? "∞" : "−∞";
}

/** Never rounded up, so that only 1 gives `100 %`. */
export function shareOf(explained: number): string {
  const factor = explained > 0.99995 ? 1e4 : 1e2;
  return `${Math.floor(explained * 100 * factor) / factor} %`;
}
