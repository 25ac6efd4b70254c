/**
 * One persistent dispatch runs several kernels, with a grid-wide barrier between them. It has as many workgroups as run
 * concurrently on the GPU; they take each kernel's workgroups in turns.
 *
 * Opt-in, because WebGPU guarantees neither forward progress nor that a workgroup sees another's writes after the barrier; a
 * self-test on the device must pass first. Waiting is bounded, and on timeout the run is repeated without it
 * (`run/grid-barrier.ts`). On an H200 it is correct but slower.
 *
 * Must stay true: every invocation reaches every barrier; memory that one workgroup writes and another reads after a barrier
 * held nothing else earlier in the dispatch, since that might still be cached (`run/arena.ts` gives every tensor of a kernel
 * a distinct place).
 */
import type { KernelBindings } from "../../wgsl/bindings.ts";
import { bytesOf, Declarations, SharedMemory } from "../../wgsl/declarations.ts";
import { assemble, type Grid, type KernelSource } from "../../wgsl/kernel-source.ts";
import { declareGridBarrier } from "./grid-barrier.ts";

/** Emits one of the kernels with the shared bindings. All have a grid, and workgroups of one size. */
type EmitStage = (declarations: Declarations) => KernelSource;

/** @param workgroups the number of workgroups that run concurrently. */
export function emitPersistent(
  bindings: KernelBindings,
  workgroups: number,
  stages: readonly EmitStage[],
): KernelSource {
  const memory = new SharedMemory();
  const sources = stages.map((emit, index) => {
    bindings.nextKernel();
    return emit(new Declarations({ index, memory }));
  });
  bindings.useGridBarrier();
  const workgroupSize = sources[0]?.workgroupSize ?? 1;
  const declarations = new Declarations();
  for (const variable of memory.variables) declarations.workgroup(variable);
  const gridBarrier = declareGridBarrier(declarations);
  sources.forEach(({ parts }, index) => {
    declarations.include(parts.declarations);
    const signature = "(group: vec3<u32>, groups: vec3<u32>, local: vec3<u32>, local_index: u32)";
    declarations.function(`stage_${index}`, signature, parts.body);
  });
  const body = sources.flatMap(({ grid = ["1u", "1u", "1u"] }, index) => [
    ...(index === 0 ? [] : [`if (!${gridBarrier}(${index}u, groups.x, local_index)) { return; }`]),
    ...takeTurns(grid, index),
  ]);
  const extensions = [...new Set(sources.flatMap(({ parts }) => parts.extensions ?? []))];
  const workgroupMemory = bytesOf(memory.variables);
  return {
    ...assemble(bindings, { extensions, declarations, workgroupSize, workgroupMemory, body }),
    workgroups: () => [workgroups, 1, 1],
  };
}

/** Takes a kernel's workgroups in turns; the barrier precedes the reuse of workgroup memory. */
function takeTurns([x, y, z]: Grid, index: number): string[] {
  return [
    "{",
    `  let grid = vec3<u32>(${x}, ${y}, ${z});`,
    "  for (var id = group.x; id < grid.x * grid.y * grid.z; id += groups.x) {",
    `    stage_${index}(vec3<u32>(id % grid.x, id / grid.x % grid.y, id / (grid.x * grid.y)), grid, local, local_index);`,
    "    workgroupBarrier();",
    "  }",
    "}",
  ];
}
