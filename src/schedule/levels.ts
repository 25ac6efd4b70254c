/**
 * The levels: lists of rewrites and fusions.
 *
 * | level | what it does |
 * | --- | --- |
 * | O0 | a kernel for every operation, as written |
 * | O1 | O0 with horizontal fusion |
 * | O2 | O1 with attention, vertical fusion and row reductions |
 * | O3 | O2 with LayerNorm folded into the kernels before and after it |
 * | O4 | O2's kernels, with attention and feed-forward named as the units that are explained, timed and compared |
 *
 * O4, the default, is no step beyond O3: a matmul that normalises its operand does so once per tile of columns, and in tensor
 * cores, sixteen times faster at the products, that costs more than a LayerNorm kernel.
 *
 * Every level computes equal values once (`share-equal.ts`), and centres rows before their mean is computed, for accuracy
 * (`center-rows.ts`).
 */
import type { Program } from "../program/program.ts";
import { centerRows } from "../rewrites/center-rows.ts";
import { fuseHorizontally } from "../rewrites/fuse-horizontal.ts";
import { shareEqual } from "../rewrites/share-equal.ts";
import { splitStatistics } from "../rewrites/split-statistics.ts";
import { foldLayerNorm } from "./fold-layer-norm.ts";
import { fuseAttention } from "./fuse-attention.ts";
import { fuseOperands } from "./fuse-operands.ts";
import { fuseRows } from "./fuse-rows.ts";
import { fuseVertically } from "./fuse-vertical.ts";
import { nameSubprograms } from "./name-subprograms.ts";
import { type Schedule, scheduleEachOperation } from "./schedule.ts";

export const levels = ["O0", "O1", "O2", "O3", "O4"] as const;

export type Level = (typeof levels)[number];

export const bestLevel: Level = "O4";

interface LevelPasses {
  /** Passes that replace computations by equal ones. */
  readonly rewrites: readonly ((program: Program) => Program)[];
  /** Passes that reduce what is stored. */
  readonly fusions: readonly ((schedule: Schedule) => Schedule)[];
}

export const passesOf: Readonly<Record<Level, LevelPasses>> = {
  O0: { rewrites: [shareEqual, centerRows], fusions: [] },
  O1: { rewrites: [shareEqual, fuseHorizontally, shareEqual, centerRows], fusions: [] },
  O2: {
    rewrites: [shareEqual, fuseHorizontally, shareEqual, centerRows],
    fusions: [fuseAttention, fuseVertically, fuseOperands, fuseRows],
  },
  O3: {
    rewrites: [shareEqual, fuseHorizontally, shareEqual, splitStatistics, centerRows],
    fusions: [fuseAttention, fuseVertically, fuseOperands, fuseRows, foldLayerNorm],
  },
  O4: {
    rewrites: [shareEqual, fuseHorizontally, shareEqual, centerRows],
    fusions: [fuseAttention, fuseVertically, fuseOperands, fuseRows, nameSubprograms],
  },
};

export function scheduleAt(program: Program, level: Level): Schedule {
  const { rewrites, fusions } = passesOf[level];
  const rewritten = rewrites.reduce((current, pass) => pass(current), program);
  return fusions.reduce((current, pass) => pass(current), scheduleEachOperation(rewritten));
}
