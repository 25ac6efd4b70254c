/**
 * Runs a question-answering program on token sequences of any lengths.
 *
 * Sequences of equal length form a batch, so that there is no padding and no mask; an engine that packs sequences gets
 * mixed lengths with a mask. A bounded number of tokens per batch bounds memory and the latency of an abort.
 *
 * Must stay true: a sequence's logits do not depend on what it is batched with.
 */
import { attentionMask, batchInputs, type InputPolicy, type TokenSequence } from "../architectures/inputs.ts";
import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Executable, RunOptions } from "./engine.ts";

/** The logits of one sequence, one per token. */
export interface SequenceLogits {
  readonly start: Float32Array;
  readonly end: Float32Array;
}

export interface IndexedLogits extends SequenceLogits {
  /** Of the sequence. */
  readonly index: number;
}

/** For a CPU, where batching speeds up short sequences but not long ones (`npm run bench -- answer`). */
const defaultTokensPerBatch = 768;

export interface SequenceRunOptions extends RunOptions {
  /** Maximum tokens per batch. */
  readonly tokensPerBatch?: number;
  /** Batches different lengths together, with a mask. */
  readonly mixesLengths?: boolean;
}

/** Yields the logits batch by batch, in the order of computation. */
export async function* runSequences(
  executable: Executable,
  sequences: readonly TokenSequence[],
  policy: InputPolicy,
  { tokensPerBatch = defaultTokensPerBatch, mixesLengths = false, ...options }: SequenceRunOptions = {},
): AsyncGenerator<IndexedLogits[]> {
  const lengths = sequences.map(({ inputIds }) => inputIds.length);
  for (const indices of mixesLengths
    ? planMixedBatches(lengths, tokensPerBatch)
    : planBatches(lengths, tokensPerBatch)) {
    options.signal?.throwIfAborted();
    const batch = indices.map((index) => sequences[index] as TokenSequence);
    const inputs = batchInputs(batch, policy);
    if (mixesLengths) inputs.set("attention_mask", attentionMask(batch));
    const outputs = await executable.run(inputs, options);
    yield indices.map((index, row) => ({
      index,
      start: rowOf(outputs.get("start_logits"), row, lengths[index] as number),
      end: rowOf(outputs.get("end_logits"), row, lengths[index] as number),
    }));
  }
}

/** Batches indices of equal lengths: at most `tokensPerBatch` tokens, but at least one sequence. */
export function planBatches(lengths: readonly number[], tokensPerBatch: number): number[][] {
  const byLength = new Map<number, number[]>();
  lengths.forEach((length, index) => {
    const group = byLength.get(length);
    if (group) group.push(index);
    else byLength.set(length, [index]);
  });
  return [...byLength].flatMap(([length, indices]) => {
    const size = Math.max(1, Math.floor(tokensPerBatch / length));
    return Array.from({ length: Math.ceil(indices.length / size) }, (_, batch) =>
      indices.slice(batch * size, (batch + 1) * size),
    );
  });
}

/** Batches consecutive indices: at most `tokensPerBatch` tokens, but at least one sequence. */
export function planMixedBatches(lengths: readonly number[], tokensPerBatch: number): number[][] {
  const batches: number[][] = [];
  let tokens = Number.POSITIVE_INFINITY;
  lengths.forEach((length, index) => {
    if (tokens + length > tokensPerBatch) {
      batches.push([]);
      tokens = 0;
    }
    batches.at(-1)?.push(index);
    tokens += length;
  });
  return batches;
}

function rowOf(tensor: Tensor | undefined, row: number, count: number): Float32Array {
  const length = tensor?.shape[1];
  if (tensor === undefined || length === undefined || (tensor.dtype !== "f32" && tensor.dtype !== "f64")) {
    throw new EngineError({ found: "the program has no logits", expected: "start_logits and end_logits" });
  }
  return new Float32Array(tensor.data.subarray(row * length, row * length + count));
}
