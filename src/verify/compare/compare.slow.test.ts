/** How long a comparison takes. What it finds is in compare.test.ts. */
import { expect, test } from "vitest";
import { roundTo } from "../layer/precision.ts";
import { compareTensors } from "./compare.ts";

test("comparing a stage of BERT-base takes a few times what sorting its elements takes", () => {
  for (const shape of [
    [1, 12, 384, 384],
    [1, 384, 3072],
  ]) {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, index) => Math.sin(index));
    const rounded = data.map(roundTo.f16);
    const comparison = () =>
      compareTensors({
        original: { dtype: "f32", shape, data },
        candidate: { dtype: "f32", shape, data: rounded },
        precision: "f16",
      });
    const sorting = processorTime(() => data.toSorted());
    expect(Math.min(processorTime(comparison), processorTime(comparison)) / sorting).toBeLessThan(20);
    expect(comparison().ulp.max).toBeLessThanOrEqual(0.5);
  }
});

/** Milliseconds of this process alone, whatever else the machine does. */
function processorTime(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  return process.cpuUsage(before).user / 1000;
}
