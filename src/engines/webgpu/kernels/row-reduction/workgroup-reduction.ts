/** Reduces one number per invocation of a workgroup, in a fixed order; all invocations have the result. */
import type { ReduceFunction } from "../../../../program/program.ts";
import type { Declarations, WorkgroupVariable } from "../../wgsl/declarations.ts";

/** A power of two near the square root, so that no invocation reads many numbers. */
const groupSize = (threads: number): number => 2 ** Math.ceil(Math.log2(threads) / 2);

export const reductionVariables = (threads: number): WorkgroupVariable[] => [
  { name: "shared_values", element: "f32", count: threads },
  { name: "group_values", element: "f32", count: threads / groupSize(threads) },
];

export class WorkgroupReduction {
  readonly #declarations: Declarations;

  /** Declares variables and functions. @param threads invocations of a workgroup: a power of two. */
  constructor(declarations: Declarations, threads: number) {
    this.#declarations = declarations;
    const [shared = "", groups = ""] = reductionVariables(threads).map((variable) => declarations.workgroup(variable));
    const each = groupSize(threads);
    for (const name of ["sum", "max"] as const) {
      const combine = (value: string): string => (name === "sum" ? `all + ${value}` : `max(all, ${value})`);
      declarations.function(`${name}_of_row`, "(value: f32, index: u32) -> f32", [
        "workgroupBarrier();",
        `${shared}[index] = value;`,
        "workgroupBarrier();",
        `let first = index / ${each}u * ${each}u;`,
        `var all = ${shared}[first];`,
        `for (var next = 1u; next < ${each}u; next++) { all = ${combine(`${shared}[first + next]`)}; }`,
        `if (index == first) { ${groups}[index / ${each}u] = all; }`,
        "workgroupBarrier();",
        `all = ${groups}[0];`,
        `for (var next = 1u; next < ${threads / each}u; next++) { all = ${combine(`${groups}[next]`)}; }`,
        "return all;",
      ]);
    }
  }

  /** The reduction of each invocation's value, as WGSL. */
  call(name: ReduceFunction, value: string): string {
    return `${this.#declarations.nameOf(`${name}_of_row`)}(${value}, local_index)`;
  }
}
