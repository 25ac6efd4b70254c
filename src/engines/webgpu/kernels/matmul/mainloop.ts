/**
 * The main loop of a matmul: the steps along K. Each step stores both operands' tiles from registers into workgroup memory
 * and multiplies them there, while the loads of later steps are in flight.
 *
 * A step's arithmetic is often shorter than its load latency, so several steps may be prefetched into separate registers.
 *
 * Must stay true: control flow is uniform within a workgroup.
 */
import { indent } from "../../wgsl/declarations.ts";

export interface Mainloop {
  /** The number of steps; as WGSL where it is known only at run time. */
  readonly steps: number | string;
  /** Elements of K in a step. */
  readonly step: number;
  /** The start of the first step in K, as WGSL; absent: 0. */
  readonly from?: string | undefined;
  /** Steps whose loads are in flight at a time. */
  readonly prefetchStages: number;
  /** Loads the tiles from `k0` on into the registers of a stage. */
  readonly loadFromGlobal: (stage: number) => readonly string[];
  /** The loads of the first step, if they differ. */
  readonly loadFirst?: readonly string[];
  readonly storeToShared: (stage: number) => readonly string[];
  readonly multiply: () => readonly string[];
}

/** The name of a register in a prefetch stage. @param name the name in the first. */
export const inStage = (name: string, stage: number): string => (stage === 0 ? name : `${name}_${stage}`);

export function mainloop(loop: Mainloop): string[] {
  const { steps, from, prefetchStages, loadFromGlobal, loadFirst = loadFromGlobal(0) } = loop;
  const later = Array.from({ length: prefetchStages - 1 }, (_, index) => index + 1);
  const count = typeof steps === "number" ? `${steps}u` : steps;
  return [
    `var k0 = ${from ?? "0u"};`,
    ...loadFirst,
    // Loads beyond the last step are clamped to it, and not multiplied.
    ...later.flatMap((stage) => [`k0 = ${startOf(loop, `min(${stage}u, ${count} - 1u)`)};`, ...loadFromGlobal(stage)]),
    ...(prefetchStages === 1 ? singleStage(loop, count) : multiStage(loop, count)),
  ];
}

/** The start of a step in K, as WGSL. */
function startOf({ step, from }: Mainloop, number: string): string {
  return `${from === undefined ? "" : `${from} + `}${number} * ${step}u`;
}

/** Counts steps, not elements: compilers recognize such a loop as finite, and add no guard. */
function singleStage(loop: Mainloop, count: string): string[] {
  const { loadFromGlobal, storeToShared, multiply } = loop;
  return [
    `for (var step = 0u; step < ${count}; step++) {`,
    ...indent([
      "workgroupBarrier();",
      ...storeToShared(0),
      "workgroupBarrier();",
      "// The next step's loads are in flight while this one is multiplied.",
      `k0 = ${startOf(loop, `min(step + 1u, ${count} - 1u)`)};`,
      ...loadFromGlobal(0),
      ...multiply(),
    ]),
    "}",
  ];
}

/** Unrolled by stage: copying registers between stages would wait for their loads. */
function multiStage(loop: Mainloop, count: string): string[] {
  const { steps, prefetchStages, loadFromGlobal, storeToShared, multiply } = loop;
  const rounds =
    typeof steps === "number"
      ? `${Math.ceil(steps / prefetchStages)}u`
      : `(${count} + ${prefetchStages - 1}u) / ${prefetchStages}u`;
  const isWhole = typeof steps === "number" && steps % prefetchStages === 0;
  const stages = Array.from({ length: prefetchStages }, (_, stage) => [
    stage === 0 || isWhole ? "{" : `if (first + ${stage}u < ${count}) {`,
    ...indent([
      "workgroupBarrier();",
      ...storeToShared(stage),
      "workgroupBarrier();",
      `if (first + ${stage + prefetchStages}u < ${count}) {`,
      `  k0 = ${startOf(loop, `(first + ${stage + prefetchStages}u)`)};`,
      ...indent(loadFromGlobal(stage)),
      "}",
      ...multiply(),
    ]),
    "}",
  ]);
  return [
    `for (var round = 0u; round < ${rounds}; round++) {`,
    `  let first = round * ${prefetchStages}u;`,
    ...indent(stages.flat()),
    "}",
  ];
}
