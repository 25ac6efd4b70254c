/**
 * The measured models: BERT-base at the usual sizes, or a tiny model to test the benchmark on a slow or software GPU.
 */
import { bertBase } from "../../src/architectures/bert/bert-base.ts";
import { bertForQuestionAnswering } from "../../src/architectures/bert/program.ts";
import type { ModelConfig } from "../../src/architectures/index.ts";
import type { GpuPrecision } from "../../src/engines/webgpu/device/precision.ts";
import { type Program, selectOutputs } from "../../src/program/program.ts";

/** A batch: the number of sequences, and the tokens of each. */
export type Work = readonly [batch: number, sequence: number];

export interface Setup {
  readonly name: "base" | "tiny";
  readonly config: ModelConfig;
  /** The batches of the latency table. */
  readonly works: readonly [Work, Work, Work, Work];
  /** The one of those by which levels and kernels are compared, and the largest. */
  readonly single: Work;
  readonly largest: Work;
  /** Half precision on this GPU; a software GPU has no float16. */
  readonly half: GpuPrecision;
  /** An idle GPU takes a while to reach its full clock, and leaves it within milliseconds. */
  readonly warmUpMs: number;
  /** Number of runs for a median, with one sequence and with several. */
  readonly runs: { readonly single: number; readonly batch: number };
  /** The sequences of the throughput measurement: their number, their maximum tokens, and the number in a batch. */
  readonly sample: { readonly maxSequences: number; readonly maxTokens: number; readonly batch: number };
}

const base: Setup = {
  name: "base",
  config: bertBase,
  works: [
    [1, 128],
    [1, 384],
    [8, 384],
    [32, 384],
  ],
  single: [1, 384],
  largest: [32, 384],
  half: "f16",
  warmUpMs: 1500,
  runs: { single: 100, batch: 30 },
  sample: { maxSequences: 256, maxTokens: 384, batch: 32 },
};

const tiny: Setup = {
  name: "tiny",
  config: { ...bertBase, vocabSize: 500, hiddenSize: 64, layers: 2, heads: 2, intermediateSize: 128 },
  works: [
    [1, 8],
    [1, 16],
    [2, 16],
    [4, 16],
  ],
  single: [1, 16],
  largest: [4, 16],
  half: "f16-storage",
  warmUpMs: 20,
  runs: { single: 5, batch: 3 },
  sample: { maxSequences: 6, maxTokens: 64, batch: 4 },
};

/** @throws RangeError for an unknown name. */
export function setupNamed(name: string): Setup {
  const setup = [base, tiny].find((known) => known.name === name);
  if (setup === undefined) throw new RangeError(`There is no model ${JSON.stringify(name)}; expected base or tiny.`);
  return setup;
}

/** The program from token ids to the logits of an answer's start and end. */
export function programOf({ config }: Setup): Program {
  return selectOutputs(bertForQuestionAnswering(config), ["start_logits", "end_logits"]);
}

export const nameOfWork = ([batch, sequence]: Work): string => `${batch} × ${sequence}`;

export const runsOf = ({ runs }: Setup, [batch]: Work): number => (batch === 1 ? runs.single : runs.batch);
