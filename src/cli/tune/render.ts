/**
 * The output of `fusebert tune`: the default and the best tile of each kernel and size, as a table and as JSON.
 */
import pc from "picocolors";
import type { GpuIdentity } from "../../engines/webgpu/device/identity.ts";
import type { GpuPrecision } from "../../engines/webgpu/device/precision.ts";
import type { Tile } from "../../engines/webgpu/plan/choose-tile.ts";
import type { TunedTile } from "../../engines/webgpu/plan/tuned-tiles.ts";
import type { TuningResult } from "../../engines/webgpu/tune/benchmark.ts";
import type { TuningPlan, TuningSize, TuningSubject } from "../../engines/webgpu/tune/plan.ts";
import type { RefusedTile } from "../../engines/webgpu/tune/tune.ts";
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
  const { kind, shape } = subject.kernel;
  // The tile is of the kernel's kind.
  return { kind, precision, shape: [...shape], mostRows: numberOrNull(size.mostRows), tile: best.tile } as TunedTile;
}

/** The schema is in docs/tuning.md. */
export function tuneToJson({ plan, results, refused, ...report }: TuneReport): string {
  const content = {
    schema: "fusebert.tune/1",
    ...report,
    measured: results.map(({ subject, size, usual, best }) => ({
      ...sizeToJson(subject, size),
      usual,
      best,
      gain: gainOf({ usual, best }),
    })),
    refused: refused.map(({ subject, tile, reason }) => ({ ...subject.kernel, tile, reason })),
  };
  return `${jsonText(content, { indent: 2 })}\n`;
}

const sizeToJson = ({ kernel }: TuningSubject, { rows, mostRows, candidates }: TuningSize) => ({
  ...kernel,
  rows,
  mostRows: numberOrNull(mostRows),
  candidates: candidates.length,
});

const numberOrNull = (mostRows: number): number | null => (Number.isFinite(mostRows) ? mostRows : null);

const gainOf = ({ usual, best }: Pick<TuningResult, "usual" | "best">): number => usual.us / best.us - 1;

export function renderTuning(report: TuneReport): string {
  const { results, refused, isComplete, cache } = report;
  const sum = (usOf: (result: TuningResult) => number): number =>
    results.reduce((total, result) => total + usOf(result), 0);
  const gain = sum(({ usual }) => usual.us) / sum(({ best }) => best.us) - 1;
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
  const rows = report.plan.subjects.flatMap(({ kernel, sizes }) =>
    sizes.map(({ rows: count, usual, candidates }) =>
      row(nameOf(kernel), String(count), tileText(usual), "", `${candidates.length} others`, "", ""),
    ),
  );
  const head = pc.dim(row("kernel", "rows", "default tile", "", "to try", "", ""));
  return `${[...titleOf(report), head, ...rows, "", ...wrap(`Results would be saved in ${report.cache}.`, 0)].join("\n")}\n`;
}

export function planToJson({ plan, results: _, refused: __, isComplete: ___, ...report }: TuneReport): string {
  const planned = plan.subjects.flatMap((subject) =>
    subject.sizes.map((size) => ({ ...sizeToJson(subject, size), usual: size.usual })),
  );
  return `${jsonText({ schema: "fusebert.tune/1", ...report, planned }, { indent: 2 })}\n`;
}

const titleOf = ({ model, device, precision }: TuneReport): string[] => [
  ...wrap(model, 0).map(pc.bold),
  ...wrap(`${device}; ${precision}`, 0),
  "",
];

function renderResult({ subject, size, usual, best }: TuningResult): string {
  const isUsual = usual === best;
  const line = row(
    nameOf(subject.kernel),
    String(size.rows),
    tileText(usual.tile),
    microseconds(usual.us),
    isUsual ? "the same" : tileText(best.tile),
    isUsual ? "" : microseconds(best.us),
    isUsual ? "" : percent(gainOf({ usual, best })),
  );
  return isUsual ? pc.dim(line) : line;
}

function renderRefused(refused: TuneReport["refused"]): string[] {
  if (refused.length === 0) return [];
  const [{ subject, tile, reason }] = refused as [TuneReport["refused"][number]];
  const first = `${nameOf(subject.kernel)} in ${tileText(tile)}: ${reason}`;
  return wrap(`${refused.length} rejected, the first ${first}`, 0);
}

function nameOf({ kind, shape: [first, second] }: TuningSubject["kernel"]): string {
  return kind.endsWith("attention") ? `attention ${first}` : `${first} × ${second}`;
}

/** A tile's sizes in order: `96×96×32 2·2·2`, `÷4` for split-K among four workgroups, `+2` for two prefetch stages. */
function tileText(tile: Tile): string {
  const { ahead, shares, ...others } = { ahead: 1, shares: 1, ...tile };
  const sizes = Object.values(others);
  const plain = sizes.filter((size) => typeof size === "number");
  const split = sizes.filter((size) => Array.isArray(size)).map((size) => ` ${size.join("·")}`);
  const layout = sizes.filter((size) => size === "turned").map((name) => ` ${name}`);
  const divided = shares > 1 ? ` ÷${shares}` : "";
  return plain.join("×") + split.join("") + layout.join("") + divided + (ahead > 1 ? ` +${ahead}` : "");
}

const row = (kernel: string, rows: string, ...[usual, usualUs, best, bestUs, gain]: string[]): string =>
  [
    kernel.padEnd(12),
    rows.padStart(6),
    "  ",
    (usual ?? "").padEnd(17),
    (usualUs ?? "").padStart(8),
    "  ",
    (best ?? "").padEnd(17),
    (bestUs ?? "").padStart(8),
    (gain ?? "").padStart(6),
  ]
    .join("")
    .trimEnd();

const microseconds = (us: number): string => (us < 100 ? us.toFixed(2) : us.toFixed(0));

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
