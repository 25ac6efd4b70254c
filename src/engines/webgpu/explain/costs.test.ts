/** The traffic of a split-K result: every partial sum counts, where it is written and where it is read. */
import { expect, test } from "vitest";
import { bertForQuestionAnswering } from "../../../architectures/bert/program.ts";
import { selectOutputs } from "../../../program/program.ts";
import { packSequences } from "../../../rewrites/pack-sequences.ts";
import { scheduleAt } from "../../../schedule/levels.ts";
import { loadFamilies } from "../kernels/families.ts";
import { lowerToWgsl } from "../plan/lower.ts";
import { Placement } from "../plan/placement.ts";
import { trafficOf } from "./costs.ts";

await loadFamilies({ tensorCores: true });

test("the bytes of a split-K matmul and of the LayerNorm that reduces it are those of all partial sums", () => {
  const config = { vocabSize: 40, hiddenSize: 96, layers: 1, heads: 4, intermediateSize: 2048, maxPositions: 64 };
  const bert = bertForQuestionAnswering({
    ...config,
    family: "bert" as const,
    tokenTypes: 2,
    layerNormEps: 1e-12,
    padTokenId: 0,
  });
  const program = selectOutputs(bert, ["start_logits", "end_logits"]);
  const schedule = scheduleAt(packSequences(program) ?? program, "O4");
  const placement = new Placement(schedule, "f16");
  const limits = { workgroupMemory: 49_152, workgroupSize: 1024, tensorCores: true };
  const extents = new Map([["tokens", 64]] as const);
  const traffic = (rows?: number) =>
    lowerToWgsl(schedule, placement, limits, rows)
      .slice(6, 8)
      .map((kernel) => trafficOf(kernel, placement, extents));
  const [unsplit, split] = [traffic(), traffic(384)];
  // Three more float32 tensors.
  const more = 3 * 64 * 96 * 4;
  expect(split[0]?.written).toBe((unsplit[0]?.written ?? 0) + more);
  expect(split[1]?.activations).toBe((unsplit[1]?.activations ?? 0) + more);
});
