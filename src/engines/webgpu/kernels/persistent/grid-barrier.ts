/**
 * The grid-wide barrier of persistent kernels, as WGSL: a workgroup waits until all have arrived.
 *
 * Must stay true: the barrier spins a bounded time; on timeout it sets a flag and every workgroup exits.
 */
import type { Declarations } from "../../wgsl/declarations.ts";

/** Attempts, each a read of GPU memory: some tenths of a second together, much longer than any kernel takes. */
const maxAttempts = 2 ** 19;

/**
 * Declares `arrive(number, workgroups, local_index)`, which returns false after a timeout. The first counter is the timeout
 * flag; the others count the workgroups that have arrived at each barrier.
 */
export function declareGridBarrier(declarations: Declarations): string {
  const hasArrived = declarations.workgroup({ name: "has_arrived", element: "u32" });
  return declarations.function("arrive", "(number: u32, workgroups: u32, local_index: u32) -> bool", [
    "storageBarrier();",
    "workgroupBarrier();",
    "if (local_index == 0u) {",
    "  atomicAdd(&grid_barrier[number], 1u);",
    `  ${hasArrived} = 0u;`,
    `  for (var attempt = 0u; attempt < ${maxAttempts}u; attempt++) {`,
    "    if (atomicLoad(&grid_barrier[0]) != 0u) { break; }",
    "    if (atomicLoad(&grid_barrier[number]) >= workgroups) {",
    `      ${hasArrived} = 1u;`,
    "      break;",
    "    }",
    "  }",
    `  if (${hasArrived} == 0u) { atomicStore(&grid_barrier[0], 1u); }`,
    "}",
    "storageBarrier();",
    `return workgroupUniformLoad(&${hasArrived}) != 0u;`,
  ]);
}
