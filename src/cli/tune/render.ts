/**
 * The output of `fusebert tune`: the default and the best tile of each kernel and size, as a table and as JSON.
 */
import pc from "picocolors";
import type { GpuIdentity } from "../../engines/webgpu/device/identity.ts";
import type { GpuPrecision } from "../../engines/webgpu/device/precision.ts";
import type { Tile } from "../../engines/webgpu/kernels/family.ts";
import type { TunedTile } from "../../engines/webgpu/plan/tuned-tiles.ts";
import type { TuningResult } from "../../engines/webgpu/tune/benchmark.ts";
import type { RefusedTile } from "../../engines/webgpu/tune/tune.ts";
import type { TuningPlan, TuningSize, TuningSubject } from "../../engines/webgpu/tune/tuning-plan.ts";
import { jsonText } from "../../format/json.ts";
import { wrap } from "../../format/text-layout.ts";

export interface TuneReport {
  readonly version: string;
  readonly model: string;
  /** As the adapter describes itself. */
  readonly device: string;
  readonly identity: GpuIdentity;
  readonly precision: GpuPrecision;
  readonly plan: TuningPlan;
  readonly results: readonly TuningResult[];
  readonly refused: readonly (RefusedTile & { readonly subject: TuningSubject })[];
  /** Whether the whole plan was measured. */
  readonly isComplete: boolean;
  readonly cache: string;
}

/** A result as the tile cache stores it. */
export function tunedTileOf({ subject, size, best }: TuningResult, precision: GpuPrecision): TunedTile {
  const { family, problem } = subject;
  const { shape } = problem;
  return { family: family.name, precision, shape, maxRows: numberOrNull(size.maxRows), tile: best.tile };
}

/** The schema is in docs/tuning.md. */
export function tuneToJson({ plan, results, refused, ...report }: TuneReport): string {
  const content = {
    schema: "fusebert.tune/1",
    ...report,
    measured: results.map(({ subject, size, baseline, best }) => ({
      ...sizeToJson(subject, size),
      default: measuredToJson(baseline),
      usual: measuredToJson(baseline),
      best: measuredToJson(best),
      gain: gainOf({ baseline, best }),
    })),
    refused: refused.map(({ subject, tile, reason }) => ({
      ...subjectToJson(subject),
      tile: tileToJson(tile),
      reason,
    })),
  };
  return `${jsonText(content, { indent: 2 })}\n`;
}

const measuredToJson = ({ tile, us }: TuningResult["best"]) => ({ tile: tileToJson(tile), us });

/** What the sizes of tiles were called before version 0.2: aliases for one version. */
const formerNames: Readonly<Record<string, string>> = {
  tileM: "rows",
  tileN: "columns",
  tileK: "depth",
  workgroupSplitK: "parts",
  threadTile: "own",
  threadQueries: "own",
  subgroupQueries: "own",
  subgroupGrid: "subgroups",
  subgroupsPerQueryTile: "sharing",
  prefetchStages: "ahead",
  splitK: "shares",
};

function tileToJson(tile: Tile): Readonly<Record<string, unknown>> {
  const former = Object.entries(tile).flatMap(([name, size]) => {
    const old = formerNames[name];
    return old === undefined ? [] : [[old, size] as const];
  });
  return { ...tile, ...Object.fromEntries(former) };
}

/** `kind` is the former name of `family`, as `mostRows` is of `maxRows` and `usual` of `default`. */
const subjectToJson = ({ family, problem }: TuningSubject) => ({ family: family.name, kind: family.name, ...problem });

const sizeToJson = (subject: TuningSubject, { rows, maxRows, candidates }: TuningSize) => ({
  ...subjectToJson(subject),
  rows,
  maxRows: numberOrNull(maxRows),
  mostRows: numberOrNull(maxRows),
  candidates: candidates.length,
});

const numberOrNull = (maxRows: number): number | null => (Number.isFinite(maxRows) ? maxRows : null);

const gainOf = ({ baseline, best }: Pick<TuningResult, "baseline" | "best">): number => baseline.us / best.us - 1;

export function renderTuning(report: TuneReport): string {
  const { results, refused, isComplete, cache } = report;
  const sum = (usOf: (result: TuningResult) => number): number =>
    results.reduce((total, result) => total + usOf(result), 0);
  const gain = sum(({ baseline }) => baseline.us) / sum(({ best }) => best.us) - 1;
  const lines = [
    ...titleOf(report),
    pc.dim(row("kernel", "rows", "default tile", "µs", "best tile", "µs", "gain")),
    ...results.map(renderResult),
    "",
    ...(results.length > 0 ? wrap(`All together: ${percent(gain)} faster.`, 0) : []),
    ...renderRefused(refused),
    ...(results.length > 0 ? wrap(`Saved in ${cache}; every run on this GPU uses it from now on.`, 0) : []),
    ...(isComplete ? [] : wrap("Not everything was measured; the default tiles stay for the rest.", 0)),
  ];
  return `${lines.join("\n")}\n`;
}

/** The output of `--dry-run`. */
export function renderPlan(report: TuneReport): string {
  const rows = report.plan.subjects.flatMap((subject) =>
    subject.sizes.map(({ rows: count, defaultTile, candidates }) =>
      row(
        nameOf(subject),
        String(count),
        subject.family.tuning?.format(defaultTile),
        "",
        `${candidates.length} others`,
        "",
        "",
      ),
    ),
  );
  const head = pc.dim(row("kernel", "rows", "default tile", "", "to try", "", ""));
  return `${[...titleOf(report), head, ...rows, "", ...wrap(`Results would be saved in ${report.cache}.`, 0)].join("\n")}\n`;
}

export function planToJson({ plan, results: _, refused: __, isComplete: ___, ...report }: TuneReport): string {
  const planned = plan.subjects.flatMap((subject) =>
    subject.sizes.map((size) => ({
      ...sizeToJson(subject, size),
      default: tileToJson(size.defaultTile),
      usual: tileToJson(size.defaultTile),
    })),
  );
  return `${jsonText({ schema: "fusebert.tune/1", ...report, planned }, { indent: 2 })}\n`;
}

const titleOf = ({ model, device, precision }: TuneReport): string[] => [
  ...wrap(model, 0).map(pc.bold),
  ...wrap(`${device}; ${precision}`, 0),
  "",
];

function renderResult({ subject, size, baseline, best }: TuningResult): string {
  const isDefault = baseline === best;
  const format = ({ tile }: TuningResult["best"]): string | undefined => subject.family.tuning?.format(tile);
  const line = row(
    nameOf(subject),
    String(size.rows),
    format(baseline),
    microseconds(baseline.us),
    isDefault ? "the same" : format(best),
    isDefault ? "" : microseconds(best.us),
    isDefault ? "" : percent(gainOf({ baseline, best })),
  );
  return isDefault ? pc.dim(line) : line;
}

function renderRefused(refused: TuneReport["refused"]): string[] {
  const [first] = refused;
  if (first === undefined) return [];
  const { subject, tile, reason } = first;
  const what = `${nameOf(subject)} in ${subject.family.tuning?.format(tile)}: ${reason}`;
  return wrap(`${refused.length} rejected, the first ${what}`, 0);
}

function nameOf({ family, problem }: TuningSubject): string {
  const [first, second] = problem.shape;
  return family.name.endsWith("attention") ? `attention ${first}` : `${first} × ${second}`;
}

const row = (kernel: string, rows: string, ...[tile, tileUs, best, bestUs, gain]: (string | undefined)[]): string =>
  [
    kernel.padEnd(12),
    rows.padStart(6),
    "  ",
    (tile ?? "").padEnd(17),
    (tileUs ?? "").padStart(8),
    "  ",
    (best ?? "").padEnd(17),
    (bestUs ?? "").padStart(8),
    (gain ?? "").padStart(6),
  ]
    .join("")
    .trimEnd();

const microseconds = (us: number): string => (us < 100 ? us.toFixed(2) : us.toFixed(0));

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
