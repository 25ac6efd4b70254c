/**
 * Compares one stage with its original, and judges it by its budget.
 */
import type { Tensor } from "../../tensor/tensor.ts";
import { relativeError } from "../layer/layer-under-test.ts";
import type { Precision } from "../layer/precision.ts";
import type { Comparison } from "../report/report.ts";
import { judge, ratioOf } from "../report/verdict.ts";
import { compareTensors } from "./compare.ts";

export interface StageComparison {
  readonly original: Tensor;
  readonly candidate: Tensor;
  /** Computed by an ordinary implementation of the precision. */
  readonly ordinary: Tensor;
  readonly precision: Precision;
  readonly isReal: ((flatIndex: number) => boolean) | undefined;
  /** The largest ratio that counts as good. */
  readonly limit: number;
}

export function compareStage({ original, candidate, ordinary, precision, isReal, limit }: StageComparison): Comparison {
  const statistics = compareTensors({ original, candidate, precision, isReal });
  const budget = relativeError(original, ordinary, isReal);
  const judged = { error: statistics.l2Relative, budget, nonFinite: statistics.nan + statistics.infinite };
  const ratio = ratioOf(judged);
  return { statistics, budget, ratio: Number.isFinite(ratio) ? ratio : null, verdict: judge(judged, limit) };
}
