/**
 * An exported model in plain ONNX Runtime, as somebody who has nothing but the file would run it.
 */
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { TokenSequence } from "../../src/architectures/inputs.ts";
import { required } from "./golden.ts";

export interface Logits {
  readonly start: Float32Array;
  readonly end: Float32Array;
  readonly dims: readonly number[];
}

/** @param optimized lets ONNX Runtime rewrite the graph; otherwise every node runs as it was written. */
export function openExported(model: Uint8Array, optimized = false): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    graphOptimizationLevel: optimized ? "all" : "disabled",
    logSeverityLevel: 3,
  });
}

/** Rows of ids, padded with zeros that the mask covers. */
export async function runExported(session: InferenceSession, rows: readonly TokenSequence[]): Promise<Logits> {
  const sequence = Math.max(...rows.map(({ inputIds }) => inputIds.length));
  const stack = (row: (of: TokenSequence) => Int32Array): bigint[] =>
    rows.flatMap((of) => {
      const ids = row(of);
      return Array.from({ length: sequence }, (_, position) => BigInt(ids[position] ?? 0));
    });
  return runRaw(session, [rows.length, sequence], {
    input_ids: stack(({ inputIds }) => inputIds),
    attention_mask: stack(({ inputIds }) => inputIds.map(() => 1)),
    token_type_ids: stack(({ tokenTypeIds }) => tokenTypeIds),
  });
}

/** The three inputs as they are given, each of shape `dims`. */
export async function runRaw(
  session: InferenceSession,
  dims: readonly number[],
  inputs: Readonly<Record<string, readonly bigint[]>>,
): Promise<Logits> {
  const feeds = Object.entries(inputs).map(([name, ids]) => [name, new Tensor("int64", BigInt64Array.from(ids), dims)]);
  const outputs = await session.run(Object.fromEntries(feeds));
  const of = (name: string): Tensor => required(outputs[name], name);
  return {
    start: of("start_logits").data as Float32Array,
    end: of("end_logits").data as Float32Array,
    dims: of("start_logits").dims,
  };
}
