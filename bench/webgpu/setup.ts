/**
 * What is measured: BERT-base at the sizes by which the field compares, or a tiny model with which the benchmark itself is
 * tried out where a GPU is slow or only software.
 */
import { bertBase } from "../../src/architectures/bert/bert-base.ts";
import type { BertConfig } from "../../src/architectures/bert/config.ts";
import { bertForQuestionAnswering } from "../../src/architectures/bert/program.ts";
import type { GpuPrecision } from "../../src/engines/webgpu/device/precision.ts";
import { type Program, selectOutputs } from "../../src/program/program.ts";

/** A batch: sequences, and tokens of each. */
export type Work = readonly [batch: number, sequence: number];

export interface Setup {
  readonly name: "base" | "tiny";
  readonly config: BertConfig;
  /** The batches of the table of latencies. */
  readonly works: readonly [Work, Work, Work, Work];
  /** Of those, the one by which ideas and kernels are compared, and the largest. */
  readonly single: Work;
  readonly largest: Work;
  /** The precision that is called half below; a software GPU has no float16 of its own. */
  readonly half: GpuPrecision;
  /** A GPU that was idle takes a while to come to its full clock, and leaves it within milliseconds. */
  readonly warmUpMs: number;
  /** Runs of which the median is taken: of one sequence, of several. */
  readonly runs: { readonly single: number; readonly batch: number };
  /** The sequences of the measurement of throughput: how many, of how many tokens at most, in batches of how many. */
  readonly sample: { readonly most: number; readonly longest: number; readonly batch: number };
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
  sample: { most: 256, longest: 384, batch: 32 },
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
  sample: { most: 6, longest: 64, batch: 4 },
};

/** @throws RangeError for a name that is none of them. */
export function setupNamed(name: string): Setup {
  const setup = [base, tiny].find((known) => known.name === name);
  if (setup === undefined) throw new RangeError(`There is no model ${JSON.stringify(name)}; there are: base, tiny.`);
  return setup;
}

/** What is computed: token ids to the logits of a question's answer. */
export function programOf({ config }: Setup): Program {
  return selectOutputs(bertForQuestionAnswering(config), ["start_logits", "end_logits"]);
}

export const nameOfWork = ([batch, sequence]: Work): string => `${batch} × ${sequence}`;

export const runsOf = ({ runs }: Setup, [batch]: Work): number => (batch === 1 ? runs.single : runs.batch);
