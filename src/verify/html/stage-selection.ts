/**
 * Selects the stages that get a picture: all, or the most important of many.
 */

import { ranges, shortStage } from "../../format/numbers.ts";
import type { CandidateReport, LayerReport, StageReport } from "../report/report.ts";
import { severity, shownComparison } from "./words.ts";

export interface Selection {
  readonly stages: readonly StageReport[];
  /** A sentence on the stages that were left out; null if none were. */
  readonly leftOut: string | null;
}

const maxPictures = 24;

export function selectStages({ layers }: CandidateReport): Selection {
  const all = layers.flatMap(({ stages }) => stages).filter((stage) => shownComparison(stage) !== null);
  const wanted = all.length <= maxPictures ? new Set(all) : important(layers, all);
  return {
    stages: all.filter((stage) => wanted.has(stage)),
    leftOut: wanted.size === all.length ? null : explain(layers, wanted.size, all.length),
  };
}

/** The worst stage, all stages of the most important layer, and the last stage of each layer, from the last layer on. */
function important(layers: readonly LayerReport[], all: readonly StageReport[]): Set<StageReport> {
  const compared = new Set(all);
  const worst = all.reduce((worse, stage) => (severity(stage) > severity(worse) ? stage : worse));
  const ends = layers.flatMap(({ stages }) => stages.at(-1) ?? []).reverse();
  const ordered = [worst, ...(mostImportant(layers)?.stages ?? []), ...ends];
  return new Set([...new Set(ordered.filter((stage) => compared.has(stage)))].slice(0, maxPictures));
}

/** The first divergent layer, or the one with the largest error. */
export function mostImportant(layers: readonly LayerReport[]): LayerReport | undefined {
  const worstOf = ({ stages }: LayerReport) => Math.max(-1, ...stages.map(severity));
  return (
    layers.find(({ firstDivergent }) => firstDivergent !== null) ??
    layers.reduce<LayerReport | undefined>((worst, layer) => {
      return worst === undefined || worstOf(layer) > worstOf(worst) ? layer : worst;
    }, undefined)
  );
}

function explain(layers: readonly LayerReport[], shown: number, total: number): string {
  const layer = mostImportant(layers);
  const why = layer?.firstDivergent == null ? "the layer nearest to its limit" : "the first that diverges";
  const names = ranges(layer === undefined ? [] : [layer.layer]);
  const last = shortStage(layers.at(-1)?.stages.at(-1)?.stage ?? "output");
  const which = `all of layer ${names} (${why}), the worst stage, and each layer's ${last}`;
  return `${shown} of ${total} stages are pictured: ${which}.`;
}
