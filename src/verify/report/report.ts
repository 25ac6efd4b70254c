/**
 * The results of `fusebert verify` as data, from which the terminal's output, the JSON and the HTML are made.
 *
 * The JSON has these fields (docs/verify-report.md). Its `schema` changes whenever a field is removed or changes its meaning.
 */
import type { Verdict } from "./verdict.ts";

export const reportSchema = "fusebert.verify/1";

/** An element's value and position. */
export interface Extreme {
  readonly value: number;
  /** One index per axis. */
  readonly index: readonly number[];
}

/** How a candidate tensor differs from the original, over real positions only. Differences are candidate − original. */
export interface Statistics {
  /** Elements compared. */
  readonly count: number;
  readonly maxAbsolute: Extreme;
  readonly meanAbsolute: number;
  /** |difference| / |original|, where the original is not zero. */
  readonly maxRelative: Extreme;
  readonly meanRelative: number;
  /** ‖difference‖₂ */
  readonly l2Absolute: number;
  /** ‖difference‖₂ / ‖original‖₂ */
  readonly l2Relative: number;
  /** Cosine of the angle between the two, as vectors. */
  readonly cosine: number;
  /** 10·log₁₀(‖original‖² / ‖difference‖²), in decibel; absent (null) when they are equal. */
  readonly sqnr: number | null;
  /** Quantiles of |difference| in units in the last place of the candidate's precision at the original's value. */
  readonly ulp: { readonly median: number; readonly p90: number; readonly p99: number; readonly max: number };
  /** NaN and infinite elements of the candidate. */
  readonly nan: number;
  readonly infinite: number;
  /** Candidate elements over a quarter of the precision's largest value: the next sum may overflow. */
  readonly nearOverflow: number;
  /** The first NaN or infinity of the candidate. */
  readonly firstNonFinite: Extreme | null;
  /** The smallest `atol` with `rtol` 0, and the smallest `rtol` with `atol` 0, with which `allclose` would pass. */
  readonly minimumTolerance: { readonly absolute: number; readonly relative: number };
  readonly histogram: Histogram;
  readonly heatmap: Heatmap;
}

/** Counts of |difference| by decade: `counts[i]` lie in [10^(first+i), 10^(first+i+1)); `zeros` are equal. */
export interface Histogram {
  readonly zeros: number;
  /** Exponent of ten of the first decade. */
  readonly first: number;
  readonly counts: readonly number[];
}

/** |difference| as a matrix of at most 48 × 64 cells, each the maximum of its elements. */
export interface Heatmap {
  /** Rows of the tensor seen as [all axes but the last, last]; only real ones. */
  readonly rows: number;
  readonly columns: number;
  /** Row-major cells; null where an element is not finite. */
  readonly cells: readonly (readonly (number | null)[])[];
}

/** The four corners of a matrix. */
export interface Corners {
  readonly shape: readonly number[];
  /** Up to three rows from the top and three from the bottom, each up to three elements from the left and the right. */
  readonly rows: readonly (readonly (number | null)[])[];
  /** Whether rows (columns) in between were left out. */
  readonly rowsElided: boolean;
  readonly columnsElided: boolean;
}

/** One stage of a candidate, compared with the original in one feeding mode. */
export interface Comparison {
  readonly statistics: Statistics;
  /** Relative L2 error of the original computed with every stage rounded to the candidate's precision. */
  readonly budget: number;
  /** Relative L2 error over the budget; null when it is infinite (the budget is zero and the error is not). */
  readonly ratio: number | null;
  readonly verdict: Verdict;
}

export interface StageReport {
  /** `layer.0.query` */
  readonly stage: string;
  /** The candidate's own chain against the original's. */
  readonly propagated: Comparison | null;
  /** The original's operation on the candidate's own inputs (a dump), or the candidate's on the original's (an engine). */
  readonly shadow: Comparison | null;
  /** Why there is no shadow comparison: the inputs that are missing. */
  readonly shadowSkipped: string | null;
  /** Of a dump: at which other point this stage is dumped, to follow "dumped"; the figures are then of that point. */
  readonly dumpedElsewhere: string | null;
  /**
   * Where the propagated figures come from. True: from the kernels that users run, which write this stage. False: from the
   * instrumented run, whose kernels keep every stage, in float32.
   */
  readonly production: boolean;
  /**
   * Whether the layer's verdict counts this stage. Always so in production. An instrumented stage only locates a fault,
   * unless the engine's own kernels cannot be observed.
   */
  readonly judged: boolean;
}

/** An embedding tensor stored in a lower precision and read back. */
export interface RoundTrip {
  readonly precision: "f16" | "bf16";
  readonly statistics: Statistics;
  /** Read back − original. */
  readonly delta: Corners;
}

export interface EmbeddingReport {
  /** The source of the text: a file, `text`, `built-in`. */
  readonly source: string;
  readonly shape: readonly number[];
  readonly values: Corners;
  readonly roundTrips: readonly RoundTrip[];
}

/** Where the first NaN or infinity arose. */
export interface Overflow {
  readonly stage: string;
  /** The operation that computes that stage. */
  readonly operation: string;
  /** The largest magnitude of the original there, if it exceeds the precision's range; else null. */
  readonly magnitude: number | null;
  readonly precision: "f32" | "f16" | "bf16";
  /** The largest finite value of the precision. */
  readonly limit: number;
}

/** One unit-weight test of one candidate. */
export interface UnitWeightReport {
  /** `exact`: every intermediate is representable, the output is 0.5 everywhere. `demo`: the biases stay. */
  readonly kind: "exact" | "demo";
  readonly candidate: string;
  readonly precision: "f32" | "f16" | "bf16";
  readonly size: string;
  readonly shape: readonly number[];
  readonly original: Corners;
  readonly found: Corners;
  /** Figures of the output, compared with 0.5 for `exact`, with the float64 original for `demo`. */
  readonly statistics: Statistics;
  /** `demo`: the difference is reported, not judged; float32's spacing at the sums involved is 1/16. */
  readonly illConditioned: boolean;
  readonly overflow: Overflow | null;
  readonly verdict: Verdict;
  readonly passed: boolean;
}

/** Something the candidate does differently. */
export interface Cause {
  /** Stable: `no-bias:query`, `relu`, `scale:hidden`. */
  readonly id: string;
  /** To follow "it": `uses ReLU instead of GELU`. */
  readonly says: string;
  /** The stages in whose computation it is visible. */
  readonly stages: readonly string[];
  /** `says` of the causes that would explain these stages as well. */
  readonly alternatives: readonly string[];
}

export interface DiagnosisReport {
  /** The findings as sentences. */
  readonly sentence: string;
  readonly causes: readonly Cause[];
  /** What explains a part of the error of unexplained stages, and so is not what the candidate does. */
  readonly resembles: readonly Cause[];
  /** Share of the squared error of all stages that the causes explain, 0 to 1; null when there is no error to explain. */
  readonly explained: number | null;
  /** The unexplained error, relative to the original, and over the budget. */
  readonly rest: { readonly relative: number; readonly ratio: number | null };
  /** Stages whose error neither rounding nor any hypothesis explains. */
  readonly unexplained: readonly string[];
  /** `says` of hypotheses that make no visible difference in the given stages. */
  readonly undecidable: readonly string[];
  /** Number of hypotheses evaluated. */
  readonly runs: number;
}

export interface LayerReport {
  readonly layer: number;
  readonly stages: readonly StageReport[];
  /** The first stage whose propagated verdict is not IDENTICAL or GOOD. */
  readonly firstDivergent: string | null;
  readonly diagnosis: DiagnosisReport;
  readonly verdict: Verdict;
}

/** One of the demo's five weight layouts. */
export interface LayoutReport {
  /** 1 to 5, as in the demo. */
  readonly number: number;
  readonly name: string;
  readonly comparison: Comparison;
  /** Candidate − original, in corners. */
  readonly delta: Corners;
  /** Numbers of the layouts whose bytes are the same. */
  readonly sameBytesAs: readonly number[];
  /** The expected result: the original, or a poor match that is recognised. */
  readonly expected: "original" | "poor";
  /** The layout recognised in the output: `the original layout`, `Q, K, V transposed`, …; null if none fits. */
  readonly recognised: string | null;
  readonly asExpected: boolean;
}

export interface CandidateReport {
  /** `cpu`, `souffle`, `dump.safetensors` */
  readonly name: string;
  readonly kind: "engine" | "dump" | "imitation";
  readonly precision: "f32" | "f16" | "bf16";
  readonly layers: readonly LayerReport[];
  /** Empty for a dump, which cannot be run again. */
  readonly layouts: readonly LayoutReport[];
  /** What the reader should know of how it was read, as a sentence. */
  readonly note: string | null;
  /** Why nothing could be concluded; without layers, nothing could be compared. */
  readonly inconclusive: string | null;
  readonly verdict: Verdict;
  /** Whether it matches, and every layout gave the expected result. */
  readonly passed: boolean;
}

export interface VerifyReport {
  readonly schema: typeof reportSchema;
  /** Version of fusebert. */
  readonly version: string;
  readonly model: string;
  readonly batch: number;
  readonly sequence: number;
  readonly hidden: number;
  /** The largest ratio that counts as good. */
  readonly budgetLimit: number;
  readonly seed: number;
  readonly unitWeights: readonly UnitWeightReport[];
  /** Null for a dump with its own hidden states. */
  readonly embeddings: EmbeddingReport | null;
  readonly candidates: readonly CandidateReport[];
  /** The worst of the candidates. */
  readonly verdict: Verdict;
  readonly passed: boolean;
  readonly seconds: number;
}
