/**
 * Runs a question-answering program on token sequences of any lengths.
 *
 * Sequences of one length form a batch, so that no padding is ever computed and no mask is needed; a batch holds a bounded
 * number of tokens, so that memory and the time until a cancellation is heard stay bounded too.
 *
 * Must stay true: a sequence's logits do not depend on what it is batched with.
 */
import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Executable, RunOptions } from "./engine.ts";

/** One sequence as BERT reads it: `[CLS] question [SEP] context [SEP]`. */
export interface TokenSequence {
  readonly inputIds: Int32Array;
  /** 0 for the question's part, 1 for the context's. */
  readonly tokenTypeIds: Int32Array;
}

/** The logits of one sequence, one number a token. */
export interface SequenceLogits {
  readonly start: Float32Array;
  readonly end: Float32Array;
}

export interface IndexedLogits extends SequenceLogits {
  /** Which of the sequences these belong to. */
  readonly index: number;
}

/**
 * On a CPU a batch of long sequences is no faster than one at a time (`npm run bench -- answer`
 * measures it), but short ones gain from company.
 */
const defaultTokensPerBatch = 768;

export interface SequenceRunOptions extends RunOptions {
  /** Tokens a batch may hold. */
  readonly tokensPerBatch?: number;
}

/** The logits of all sequences, batch by batch, in the order batches are computed. */
export async function* runSequences(
  executable: Executable,
  sequences: readonly TokenSequence[],
  { tokensPerBatch = defaultTokensPerBatch, ...options }: SequenceRunOptions = {},
): AsyncGenerator<IndexedLogits[]> {
  const lengths = sequences.map(({ inputIds }) => inputIds.length);
  for (const indices of planBatches(lengths, tokensPerBatch)) {
    options.signal?.throwIfAborted();
    const batch = indices.map((index) => sequences[index] as TokenSequence);
    const outputs = await executable.run(batchInputs(batch), options);
    yield indices.map((index, row) => ({
      index,
      start: rowOf(outputs.get("start_logits"), row),
      end: rowOf(outputs.get("end_logits"), row),
    }));
  }
}

/** Groups indices by length, each group in pieces of at most `tokensPerBatch` tokens (but at least one sequence). */
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

function batchInputs(batch: readonly TokenSequence[]): Map<string, Tensor> {
  const length = batch[0]?.inputIds.length ?? 0;
  const shape = [batch.length, length];
  const stack = (row: (sequence: TokenSequence) => Int32Array): Tensor => {
    const data = new Int32Array(batch.length * length);
    batch.forEach((sequence, index) => {
      data.set(row(sequence), index * length);
    });
    return { dtype: "i32", shape, data };
  };
  const positions = Int32Array.from({ length }, (_, position) => position);
  return new Map([
    ["input_ids", stack((sequence) => sequence.inputIds)],
    ["token_type_ids", stack((sequence) => sequence.tokenTypeIds)],
    ["position_ids", stack(() => positions)],
  ]);
}

function rowOf(tensor: Tensor | undefined, row: number): Float32Array {
  const length = tensor?.shape[1];
  if (tensor === undefined || length === undefined || (tensor.dtype !== "f32" && tensor.dtype !== "f64")) {
    throw new EngineError({ found: "the program has no logits", expected: "start_logits and end_logits" });
  }
  return Float32Array.from(tensor.data.subarray(row * length, (row + 1) * length));
}
