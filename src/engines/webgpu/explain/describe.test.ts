import { expect, describe as suite, test } from "vitest";
import { bertBase } from "../../../architectures/bert/bert-base.ts";
import type { ModelConfig } from "../../../architectures/index.ts";
import { allBytes } from "./costs.ts";
import { explainLevel, explainLevels, kernelSources } from "./explain.ts";
import { sentenceOf } from "./operations.ts";

const tokens = 384;

/** The matmuls of BERT by hand: four of h × h, attention's two, two of h × 4h, and the head. */
function matmulFlops({ hiddenSize: h, intermediateSize: i, layers }: ModelConfig, n: number): number {
  return layers * (4 * 2 * n * h * h + 2 * 2 * n * n * h + 2 * 2 * n * h * i) + 2 * n * h * 2;
}

const ladder = explainLevels(bertBase, "f32", tokens);

suite("a level described", () => {
  test("has the FLOPs that BERT-base has by hand, and little beside the matmuls", () => {
    const byHand = matmulFlops(bertBase, tokens);
    expect(byHand).toBeCloseTo(70.67e9, -7);
    for (const { totals } of ladder) {
      expect(totals.flops).toBeGreaterThan(byHand);
      expect(totals.flops).toBeLessThan(byHand * 1.01);
    }
  });

  test.each([
    ["O0", 55],
    ["O1", 51],
    ["O2", 7],
    ["O3", 5],
    ["O4", 7],
  ] as const)("%s has %i kernels a layer", (level, expected) => {
    const description = ladder.find((rung) => rung.level === level);
    for (let layer = 0; layer < bertBase.layers; layer++) {
      expect(description?.kernels.filter((kernel) => kernel.layer === layer)).toHaveLength(expected);
    }
  });

  test("names what is fused, and the stages inside", () => {
    const layer = explainLevel({ ...bertBase, layers: 2 }, "O3", "f32", tokens).kernels.filter((k) => k.layer === 1);
    expect(layer.map(({ operations }) => sentenceOf(operations.map(({ name }) => name)))).toEqual([
      "LayerNorm + matmul + bias",
      "mask + matmul + scale + mask + softmax + matmul",
      "matmul + bias + LayerNorm + residual + row statistics",
      "LayerNorm + matmul + bias + GELU",
      "matmul + bias + LayerNorm + residual + row statistics",
    ]);
    expect(layer[0]?.stages).toEqual(["layer.0.output", "layer.1.query", "layer.1.key", "layer.1.value"]);
    expect(layer[3]?.stages).toEqual(["layer.1.attention_output", "layer.1.intermediate"]);
  });

  test("every stage of the model is in some kernel, at every level", () => {
    const names = ["query", "key", "value", "attention_scores", "attention_probs", "context", "attention_output_dense"];
    const all = [...names, "attention_output", "intermediate", "output_dense", "output"];
    const expected = [0, 11].flatMap((layer) => all.map((name) => `layer.${layer}.${name}`));
    for (const { kernels } of ladder) {
      const found = new Set(kernels.flatMap(({ stages }) => stages));
      for (const stage of ["embeddings", ...expected, "start_logits", "end_logits"]) expect(found).toContain(stage);
    }
  });

  test("counts the bytes of a dense kernel by its definition", () => {
    const { kernels } = explainLevel({ ...bertBase, layers: 1 }, "O2", "f32", tokens);
    const gelu = kernels.find(({ stages }) => stages.includes("layer.0.intermediate"));
    expect(gelu?.bytes).toEqual({
      weights: 768 * 3072 * 4,
      vectors: 3072 * 4,
      activations: tokens * 768 * 4,
      written: tokens * 3072 * 4,
    });
    // A matmul, a bias, and GELU's two scalings, erf, addition and product.
    expect(gelu?.flops).toBe(2 * tokens * 768 * 3072 + 6 * tokens * 3072);
    expect(gelu?.intensity).toBeCloseTo((gelu?.flops ?? 0) / allBytes(gelu?.bytes ?? ladderBytes), 9);
  });

  test("halves the weights in float16, and never needs an arena larger than all tensors together", () => {
    const [full, half] = (["f32", "f16"] as const).map((precision) => explainLevel(bertBase, "O3", precision, tokens));
    expect(half?.memory.weightBytes).toBe((full?.memory.weightBytes ?? 0) / 2);
    for (const { memory, tensors } of ladder) {
      expect(memory.arenaBytes).toBeLessThanOrEqual(memory.tensorBytes);
      for (const { offset, bytes } of tensors) expect(offset + bytes).toBeLessThanOrEqual(memory.arenaBytes);
    }
  });

  test("each level up to O3 stores less than the one below, O4 what O2 does, and every read was written before", () => {
    const bytes = ladder.map(({ totals }) => totals.bytes.written);
    const upToO3 = bytes.slice(0, 4);
    expect(upToO3).toEqual([...upToO3].sort((a, b) => b - a));
    expect(bytes[4]).toBe(bytes[2]);
    for (const { kernels } of ladder) {
      const written = new Set<number>();
      for (const { reads, writes } of kernels) {
        for (const tensor of reads) expect(written).toContain(tensor);
        for (const tensor of writes) written.add(tensor);
      }
    }
  });
});

const ladderBytes = { weights: 0, vectors: 0, activations: 0, written: 0 };

suite("sources", () => {
  test("are one per kernel, in tiles for the run's size", () => {
    const config = { ...bertBase, layers: 1 };
    const [few = [], many = []] = [100, tokens].map((count) => kernelSources(config, "O4", "f32", count));
    expect(few).toHaveLength(explainLevel(config, "O4", "f32", tokens).kernels.length);
    expect(few[0]).toBe(many[0]);
    expect(few[1]).not.toBe(many[1]);
  });
});
