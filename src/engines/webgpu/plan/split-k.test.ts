/**
 * Which results may come in shares, and that the arena has room for all of them in every class of size.
 */
import { expect, test } from "vitest";
import { boundAsPartialSums } from "../../../../test/support/split-k.ts";
import { bertForQuestionAnswering } from "../../../architectures/bert/program.ts";
import { observeOthers, selectOutputs } from "../../../program/program.ts";
import { packSequences } from "../../../rewrites/pack-sequences.ts";
import { type Level, scheduleAt } from "../../../schedule/levels.ts";
import type { Schedule } from "../../../schedule/schedule.ts";
import { loadFamilies } from "../kernels/families.ts";
import { planArena } from "../run/arena.ts";
import { lowerForAllSizes } from "./lower.ts";
import { Placement } from "./placement.ts";
import { splitKResults } from "./split-k.ts";

await loadFamilies({ tensorCores: true });

const config = {
  vocabSize: 40,
  hiddenSize: 96,
  layers: 1,
  heads: 4,
  intermediateSize: 2048,
  maxPositions: 64,
  family: "bert" as const,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
};
const logits = ["start_logits", "end_logits"];

function schedule(level: Level, program = selectOutputs(bertForQuestionAnswering(config), logits)): Schedule {
  return scheduleAt(packSequences(program) ?? program, level);
}

/** How many results may be left as partial sums. */
function countOf(own: Schedule): number {
  return splitKResults(own, new Placement(own, "f16")).size;
}

test("K may be split for sums that only row reductions, such as LayerNorms, read", () => {
  expect(["O2", "O4"].map((level) => countOf(schedule(level as Level)))).toEqual([2, 2]);
  // A residual's own kernel reads the product; the product has statistics of its own.
  expect(["O0", "O3"].map((level) => countOf(schedule(level as Level)))).toEqual([0, 0]);
});

test("K is not split for values that the host reads, as outputs or observed", () => {
  const bert = bertForQuestionAnswering(config);
  const isRead = selectOutputs(bert, [...logits, "layer.0.output_dense"]);
  expect(countOf(schedule("O4", isRead))).toBe(1);
  // None of the stages is such a sum.
  expect(countOf(schedule("O4", observeOthers(bert, logits)))).toBe(2);
});

test("the arena has room for the partial sums of every size class", () => {
  const own = schedule("O4");
  const placement = new Placement(own, "f16");
  const limits = { workgroupMemory: 49_152, workgroupSize: 1024, tensorCores: true };
  const lowerings = lowerForAllSizes(own, placement, limits);
  const bound = lowerings.flatMap(({ maxRows, kernels }) =>
    boundAsPartialSums(kernels).map((binding) => ({ ...binding, maxRows })),
  );
  expect(new Set(bound.map(({ maxRows }) => maxRows))).toEqual(new Set([192, 768]));
  const [{ value } = { value: undefined }] = bound;
  for (const tokens of [64, 192, 256, 768, 1024, 8192]) {
    const plan = planArena(own.program, lowerings, placement, new Map([["tokens", tokens]]), 256);
    const needed = bound.map(({ partialSums, maxRows }) => partialSums * Math.min(tokens, maxRows));
    expect(value && plan.places.get(value)?.size).toBe(Math.max(tokens, ...needed) * config.hiddenSize * 4);
  }
});
