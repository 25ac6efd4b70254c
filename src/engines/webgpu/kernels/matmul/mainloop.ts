/**
 * The loop along the inner dimension of a matmul. In every step the strips of both operands go from registers into workgroup
 * memory and are multiplied there; those of the next steps are on their way into registers meanwhile.
 *
 * A multiplication is often shorter than the way of what it needs, the more so as weights come from memory and not from a
 * cache: several steps may therefore be on their way, each in registers of its own.
 *
 * Must stay true: control flow is the same for all invocations of a workgroup.
 */
import type { Extent } from "../../../../program/program.ts";
import { indent } from "../../wgsl/kernel-source.ts";

export interface Pipeline {
  /** How many there are; as WGSL where that is known only when the program runs. */
  readonly steps: number | string;
  /** Of the inner dimension, that a step takes. */
  readonly step: number;
  /** Where in the inner dimension the first step begins, as WGSL; absent: where that does. */
  readonly from?: string | undefined;
  /** Steps that are on their way at a time. */
  readonly ahead: number;
  /** Statements that load the strips from `k0` on into one of `ahead` sets of registers. */
  readonly fetch: (set: number) => readonly string[];
  /** The same for the first step of all, if something else is to be done in between. */
  readonly fetchFirst?: readonly string[];
  /** Statements that put a set into workgroup memory. */
  readonly keep: (set: number) => readonly string[];
  readonly multiply: () => readonly string[];
}

/**
 * Whether so many workgroups may have equal shares of the inner dimension (`shares.ts`), each of whole steps; one may have it
 * all, whatever its length.
 */
export const canShare = (
  shares: number,
  step: number,
  { inner, isDivisible }: { readonly inner: Extent; readonly isDivisible: boolean },
): boolean => shares === 1 || (isDivisible && Number(inner) % (step * shares) === 0);

/** Registers of a set, by the name of those of the first. */
export const inSet = (name: string, set: number): string => (set === 0 ? name : `${name}_${set}`);

export function pipelined(pipeline: Pipeline): string[] {
  const { steps, from, ahead, fetch, fetchFirst = fetch(0) } = pipeline;
  const later = Array.from({ length: ahead - 1 }, (_, index) => index + 1);
  const count = typeof steps === "number" ? `${steps}u` : steps;
  return [
    `var k0 = ${from ?? "0u"};`,
    ...fetchFirst,
    // A step beyond the last is not multiplied.
    ...later.flatMap((set) => [`k0 = ${startOf(pipeline, `min(${set}u, ${count} - 1u)`)};`, ...fetch(set)]),
    ...(ahead === 1 ? singleLoop(pipeline, count) : loopBySets(pipeline, count)),
  ];
}

/** Where in the inner dimension a step begins, both as WGSL. */
function startOf({ step, from }: Pipeline, number: string): string {
  return `${from === undefined ? "" : `${from} + `}${number} * ${step}u`;
}

/** By ones, which the compiler sees the end of: it guards no such loop against running for ever. */
function singleLoop(pipeline: Pipeline, count: string): string[] {
  const { fetch, keep, multiply } = pipeline;
  return [
    `for (var step = 0u; step < ${count}; step++) {`,
    ...indent([
      "workgroupBarrier();",
      ...keep(0),
      "workgroupBarrier();",
      "// What comes next is on its way while this is multiplied.",
      `k0 = ${startOf(pipeline, `min(step + 1u, ${count} - 1u)`)};`,
      ...fetch(0),
      ...multiply(),
    ]),
    "}",
  ];
}

/** Each set's step written out: registers that are being loaded cannot change their names without being waited for. */
function loopBySets(pipeline: Pipeline, count: string): string[] {
  const { steps, ahead, fetch, keep, multiply } = pipeline;
  const rounds = typeof steps === "number" ? `${Math.ceil(steps / ahead)}u` : `(${count} + ${ahead - 1}u) / ${ahead}u`;
  const isWhole = typeof steps === "number" && steps % ahead === 0;
  const stages = Array.from({ length: ahead }, (_, set) => [
    set === 0 || isWhole ? "{" : `if (first + ${set}u < ${count}) {`,
    ...indent([
      "workgroupBarrier();",
      ...keep(set),
      "workgroupBarrier();",
      `if (first + ${set + ahead}u < ${count}) {`,
      `  k0 = ${startOf(pipeline, `(first + ${set + ahead}u)`)};`,
      ...indent(fetch(set)),
      "}",
      ...multiply(),
    ]),
    "}",
  ]);
  return [
    `for (var round = 0u; round < ${rounds}; round++) {`,
    `  let first = round * ${ahead}u;`,
    ...indent(stages.flat()),
    "}",
  ];
}
