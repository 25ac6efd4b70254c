import { expect, test } from "vitest";
import type { ModelConfig } from "../../architectures/index.ts";
import { CheckpointError, InputError } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkDump } from "./check-dump.ts";
import { readDump, withInputs } from "./dump.ts";

const config: ModelConfig = {
  vocabSize: 10,
  hiddenSize: 6,
  layers: 2,
  heads: 2,
  intermediateSize: 8,
  maxPositions: 16,
  family: "bert" as const,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
};

const f32 = (...shape: number[]): Tensor<"f32"> => ({
  dtype: "f32",
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => index),
});
const half = (dtype: "f16" | "bf16", ...shape: number[]): Tensor => {
  return { dtype, shape, data: new Uint16Array(shape.reduce((a, b) => a * b, 1)) };
};
const mask = (shape: number[], ...values: number[]): Tensor => ({
  dtype: "f32",
  shape,
  data: Float32Array.from(values),
});

function dumpOf(tensors: Record<string, Tensor>, layer = 0) {
  const read = async (name: string) => tensors[name] ?? expect.fail(`${name} is read`);
  return readDump({ name: "d.safetensors", tensors: new Map(Object.entries(tensors)), read }, { config, layer });
}

async function refusal(tensors: Record<string, Tensor>, layer = 0): Promise<string> {
  try {
    checkDump(await dumpOf(tensors, layer), { config, layer });
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return error instanceof Error ? error.message : "";
  }
  return expect.fail("it is accepted");
}

test("full and bare names and inputs are accepted, other names are listed", async () => {
  const unread = { dtype: "i32", shape: [1], data: Int32Array.of(1) } as const;
  const tensors = {
    "layer.1.query": f32(2, 3, 6),
    output: f32(2, 3, 6),
    hidden_states: f32(2, 3, 6),
    "pooler.x": unread,
  };
  const dump = await dumpOf(tensors, 1);
  expect([...dump.stages.keys()]).toEqual(["layer.1.query", "layer.1.output"]);
  expect(dump.hiddenStates).toBe(tensors.hidden_states);
  expect(dump.attentionMask).toBeUndefined();
  expect(dump.unknown).toEqual(["pooler.x"]);
  expect(checkDump(dump, { config, layer: 1 })).toEqual({ batch: 2, sequence: 3 });
});

test("a stage under two names is rejected", async () => {
  expect(await refusal({ "layer.0.key": f32(1, 3, 6), key: f32(1, 3, 6) })).toBe(
    "d.safetensors has layer.0.key twice, with its layer and without; expected every stage once. Write the layer into all the names.",
  );
});

test("embeddings are the input of layer 0 only; the output of the layer before takes precedence", async () => {
  const tensors = { embeddings: f32(1, 3, 6), "layer.0.output": f32(1, 3, 6), "layer.1.key": f32(1, 3, 6) };
  expect((await dumpOf(tensors, 0)).hiddenStates).toBe(tensors.embeddings);
  const second = await dumpOf({ ...tensors, hidden_states: f32(1, 3, 6) }, 1);
  expect(second.hiddenStates).toBe(tensors["layer.0.output"]);
  expect(second.unknown).toEqual(["embeddings"]);
  expect((await dumpOf({ input: f32(1, 3, 6) }, 1)).hiddenStates).toBeDefined();
});

test("the coarsest dtype of the stages is the dump's", async () => {
  const [query, key, value] = [f32(1, 3, 6), half("f16", 1, 3, 6), half("bf16", 1, 3, 6)];
  expect((await dumpOf({ query, hidden_states: value })).dtype).toBe("f32");
  expect((await dumpOf({ query, key })).dtype).toBe("f16");
  expect((await dumpOf({ query, key, value })).dtype).toBe("bf16");
  expect(await refusal({ query: { dtype: "u8", shape: [1, 3, 6], data: new Uint8Array(18) } })).toContain(
    'd.safetensors: "query" is u8; expected f16, bf16, f32 or f64.',
  );
});

test("heads are merged, and a missing batch axis is added", async () => {
  // [batch, heads, sequence, head size]: the element at [0, head, position, i] is 9 · head + 3 · position + i.
  const split = f32(1, 2, 3, 3);
  const merged = [0, 1, 2, 9, 10, 11, 3, 4, 5, 12, 13, 14, 6, 7, 8, 15, 16, 17];
  const dump = await dumpOf({
    query: split,
    key: { ...split, shape: [2, 3, 3] },
    value: f32(3, 6),
    attention_probs: f32(2, 3, 3),
    intermediate: f32(3, 8),
    hidden_states: f32(3, 6),
    context: { dtype: "f64", shape: [1, 2, 3, 3], data: Float64Array.from(split.data) },
    attention_mask: mask([3], 1, 1, 0),
  });
  expect(checkDump(dump, { config, layer: 0 })).toEqual({ batch: 1, sequence: 3 });
  for (const stage of ["query", "key", "context"]) {
    expect(Array.from(dump.stages.get(`layer.0.${stage}`)?.data as Float32Array)).toEqual(merged);
  }
  expect(dump.stages.get("layer.0.value")?.shape).toEqual([1, 3, 6]);
});

test("heads of two sequences are merged separately", async () => {
  const query = half("f16", 2, 2, 1, 3);
  const dump = await dumpOf({ query: { ...query, data: Uint16Array.from({ length: 12 }, (_, i) => i) } as Tensor });
  expect(dump.stages.get("layer.0.query")).toMatchObject({ dtype: "f16", shape: [2, 1, 6] });
  expect([...(dump.stages.get("layer.0.query")?.data ?? [])]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("attention masks are accepted in their usual forms", async () => {
  const read = async (tensor: Tensor) => {
    const { attentionMask } = await dumpOf({ attention_mask: tensor });
    return [attentionMask?.shape, [...(attentionMask?.data ?? [])]];
  };
  const plain = [
    [2, 2],
    [1, 1, 1, 0],
  ];
  expect(await read({ dtype: "i64", shape: [2, 2], data: BigInt64Array.of(1n, 1n, 1n, 0n) })).toEqual(plain);
  expect(await read({ dtype: "u8", shape: [2, 1, 1, 2], data: Uint8Array.of(1, 1, 1, 0) })).toEqual(plain);
  expect(await read(mask([2, 1, 1, 2], 0, 0, 0, Number.NEGATIVE_INFINITY))).toEqual(plain);
  expect(await read(mask([2, 2], 0, -0, 0, -10_000))).toEqual(plain);
  expect(await read(mask([2, 1, 1, 2], 0, 0, 0, 0))).toEqual([
    [2, 2],
    [1, 1, 1, 1],
  ]);
  expect(await read({ dtype: "f16", shape: [1, 1, 1, 2], data: Uint16Array.of(0, 0xfbff) })).toEqual([
    [1, 2],
    [1, 0],
  ]);
});

test("attention masks that are ambiguous or mask everything are rejected", async () => {
  const expected = "expected 0 for padding and 1 for real positions, or 0 for real and at most -1000 for padding";
  const problem = (tensor: Tensor) => refusal({ attention_mask: tensor });
  expect(await problem(mask([1, 2], 0, 0))).toContain(`attention_mask marks every position as padding; ${expected}`);
  expect(await problem(mask([1, 2], 1, -10_000))).toContain(`holds both 1 and large negative numbers; ${expected}`);
  expect(await problem(mask([1, 2], 1, 0.5))).toContain(`attention_mask holds 0.5; ${expected}`);
  expect(await problem(mask([1, 2], 1, Number.NaN))).toContain("attention_mask holds NaN");
  expect(await problem(mask([1, 1, 2, 2], 0, 0, 0, 0))).toContain(
    "attention_mask is [1, 1, 2, 2]; expected [batch, seq",
  );
});

test("inputs are added from another file", async () => {
  const dump = await dumpOf({ query: f32(1, 2, 6) });
  const inputs = await dumpOf({ hidden_states: f32(1, 2, 6), attention_mask: mask([1, 2], 1, 0) });
  const both = withInputs(dump, inputs);
  expect(both).toMatchObject({ stages: dump.stages, hiddenStates: inputs.hiddenStates, dtype: "f32" });
  expect(both.attentionMask).toBe(inputs.attentionMask);
  expect(withInputs(both, inputs)).toEqual(both);
  expect(() => withInputs(dump, dump)).toThrow("d.safetensors has neither hidden_states nor attention_mask");
  const other = {
    ...inputs,
    name: "i.safetensors",
    attentionMask: { ...both.attentionMask, data: Int32Array.of(1, 1) },
  };
  expect(() => withInputs(both, other as typeof inputs)).toThrow(
    "d.safetensors and i.safetensors each have an attention_mask, and the two differ",
  );
});

test("shapes that contradict the configuration or each other are rejected", async () => {
  expect(await refusal({ query: f32(2, 3, 6), attention_scores: f32(2, 2, 3, 4) })).toBe(
    "d.safetensors: layer.0.attention_scores has the shape [2, 2, 3, 4]; expected [2, 2, 3, 3]: batch 2 and sequence 3, " +
      "as in layer.0.query. Check that the dump was made with this model and on one input.",
  );
  expect(await refusal({ hidden_states: f32(2, 4, 6), query: f32(2, 6, 4) })).toContain(
    "layer.0.query has the shape [2, 6, 4]; expected [2, 4, 6]: batch 2 and sequence 4, as in hidden_states. The axes are in another order",
  );
  expect(await refusal({ query: f32(2, 3, 7) })).toContain("has the shape [2, 3, 7]; expected [2, 3, 6].");
  expect(await refusal({ query: f32(2, 0, 6) })).toContain("expected [batch, sequence, …] with at least one position");
  expect(await refusal({ query: f32(6) })).toContain("layer.0.query has the shape [6]");
  expect(await refusal({ query: f32(2, 3, 6), attention_mask: mask([2, 1], 1, 1) })).toContain("as in attention_mask");
});

test("a dump without stages of the layer is rejected, with suggestions", async () => {
  expect(await refusal({ "layer.1.query": f32(1, 3, 6) })).toBe(
    "d.safetensors has no stage of layer 0, only of layer 1; expected names such as layer.0.output.",
  );
  expect(await refusal({ query: f32(1, 3, 6) }, 2)).toBe(
    "there is no layer 2; expected 0 to 1, the layers of this model.",
  );
  const stages =
    "query, key, value, attention_scores, attention_probs, context, attention_output_dense, attention_output, ";
  expect(await refusal({ hidden_states: f32(1, 3, 6) })).toBe(
    `d.safetensors has no stage of a layer; expected layer.0. and one of ${stages}intermediate, output_dense, output. ` +
      "Give the tensors these names where your kernel is dumped.",
  );
  const one = f32(1);
  expect(await refusal({ a: one, "encoder.layers.0.attention_score": one })).toMatch(
    /has no stage of a layer; it has "a", "encoder.layers.0.attention_score"; expected .* Did you mean layer.0.attention_scores by "encoder/,
  );
  expect(await refusal({ Querry: one })).toContain('Did you mean query by "Querry"?');
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`blk_${index}`, one]));
  expect(await refusal(many)).toContain('"blk_7" and 12 more; expected');
});

test("hostile names are only listed", async () => {
  const tensors = Object.fromEntries(
    [
      "__proto__x",
      "constructor",
      "layer.-1.query",
      "layer.00.query",
      "layer.1e9.key",
      "layer.0.query\n",
      "x".repeat(99_999),
    ].map((name) => [name, f32(1)]),
  );
  expect((await dumpOf(tensors)).unknown).toHaveLength(7);
  expect((await refusal(tensors)).length).toBeLessThan(1000);
});

test("the error of a damaged file is about the dump, not about a download", async () => {
  const read = async () => {
    throw new CheckpointError({ found: "d is cut short", expected: "more", advice: "Download it again." });
  };
  const failing = readDump({ name: "d", tensors: new Map([["query", 0]]), read }, { config, layer: 0 });
  await expect(failing).rejects.toThrow(InputError);
  await expect(failing).rejects.toThrow(
    "d is cut short; expected more. Check that the file is complete, and dump it again.",
  );
});
