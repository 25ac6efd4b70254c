/**
 * The ladder: each level is the one below and one idea more.
 *
 * | level | adds |
 * | --- | --- |
 * | O0 | nothing: a kernel for every operation, as written |
 * | O1 | horizontal fusion |
 * | O2 | vertical fusion, rows, attention |
 * | O3 | LayerNorm folded into what comes before and after it |
 * | O4 | subprograms: attention and feed-forward as the units that are explained, timed and compared |
 *
 * O4 takes O3's idea back: a matmul that normalises what it reads does so once for each tile of its columns, and in tensor
 * cores, which take sixteen times less time for the products, that costs more than a LayerNorm's own kernel.
 *
 * Every level centres rows before their mean is taken (`center-rows.ts`): that is about being right, not fast.
 */
import type { Program } from "../program/program.ts";
import { centerRows } from "../rewrites/center-rows.ts";
import { fuseHorizontally } from "../rewrites/fuse-horizontal.ts";
import { splitStatistics } from "../rewrites/split-statistics.ts";
import { foldLayerNorm } from "./fold-layer-norm.ts";
import { fuseAttention } from "./fuse-attention.ts";
import { fuseRows } from "./fuse-rows.ts";
import { fuseVertically } from "./fuse-vertical.ts";
import { nameSubprograms } from "./name-subprograms.ts";
import { type Schedule, scheduleEachOperation } from "./schedule.ts";

export const levels = ["O0", "O1", "O2", "O3", "O4"] as const;

export type Level = (typeof levels)[number];

export const bestLevel: Level = "O4";

interface LevelPasses {
  /** Passes that change what is computed, into something equal. */
  readonly rewrites: readonly ((program: Program) => Program)[];
  /** Passes that change what is stored. */
  readonly fusions: readonly ((schedule: Schedule) => Schedule)[];
}

export const passesOf: Readonly<Record<Level, LevelPasses>> = {
  O0: { rewrites: [centerRows], fusions: [] },
  O1: { rewrites: [fuseHorizontally, centerRows], fusions: [] },
  O2: { rewrites: [fuseHorizontally, centerRows], fusions: [fuseAttention, fuseVertically, fuseRows] },
  O3: {
    rewrites: [fuseHorizontally, splitStatistics, centerRows],
    fusions: [fuseAttention, fuseVertically, fuseRows, foldLayerNorm],
  },
  O4: {
    rewrites: [fuseHorizontally, centerRows],
    fusions: [fuseAttention, fuseVertically, fuseRows, nameSubprograms],
  },
};

/** A program cut into kernels as a level does it. */
export function scheduleAt(program: Program, level: Level): Schedule {
  const { rewrites, fusions } = passesOf[level];
  const rewritten = rewrites.reduce((current, pass) => pass(current), program);
  return fusions.reduce((current, pass) => pass(current), scheduleEachOperation(rewritten));
}
