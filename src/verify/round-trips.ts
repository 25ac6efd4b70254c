/**
 * The error of storing the embeddings in half precision, before any computation.
 */
import { toFloat64 } from "../tensor/half.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { compareTensors } from "./compare/compare.ts";
import { cornersOf } from "./compare/corners.ts";
import { roundTo } from "./layer/precision.ts";
import type { RoundTrip } from "./report/report.ts";

export function roundTrips(embeddings: Tensor): RoundTrip[] {
  const original = toFloat64(embeddings);
  return (["f16", "bf16"] as const).map((precision) => {
    const data = original.map(roundTo[precision]);
    const delta = data.map((value, index) => value - (original[index] as number));
    const candidate: Tensor = { dtype: "f64", shape: embeddings.shape, data };
    return {
      precision,
      statistics: compareTensors({ original: embeddings, candidate, precision }),
      delta: cornersOf({ dtype: "f64", shape: embeddings.shape, data: delta }),
    };
  });
}
