/**
 * One persistent dispatch runs several kernels, with a grid-wide barrier between them: as many workgroups as the GPU runs at
 * the same time take the workgroups that each kernel would have had in turns.
 *
 * Opt-in, because WebGPU gives no forward-progress guarantee, nor says that one workgroup sees what another has written
 * before the barrier: it is only done where it was asked for, and where a self-test on the device came out right. Waiting is
 * bounded, and on timeout the run is repeated without it (`run/grid-barrier.ts`). On an H200 it is correct but slower.
 *
 * Must stay true: every invocation reaches every barrier; what one workgroup writes and another reads after a barrier had
 * nothing else in its place earlier in the dispatch, which might still be in a cache (all tensors of a kernel have places of
 * their own, see `run/arena.ts`).
 */
import type { KernelBindings } from "../../wgsl/bindings.ts";
import { bytesOf, Declarations, SharedMemory } from "../../wgsl/declarations.ts";
import { assemble, type Grid, indent, type KernelSource } from "../../wgsl/kernel-source.ts";
import { declareGridBarrier } from "./grid-barrier.ts";

/** Emits one of the kernels, with the bindings that all share. It has a grid, and workgroups of the same size as the others. */
type EmitStage = (declarations: Declarations) => KernelSource;

/** @param workgroups that run at the same time. */
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
    const signature = `fn stage_${index}(group: vec3<u32>, groups: vec3<u32>, local: vec3<u32>, local_index: u32) {`;
    const source = [...parts.declarations.lines, signature, ...indent(parts.body), "}"];
    declarations.function(`stage_${index}`, source.join("\n"));
  });
  const body = sources.flatMap(({ grid = ["1u", "1u", "1u"] }, index) => [
    ...(index === 0 ? [] : [`if (!${gridBarrier}(${index}u, groups.x, local_index)) { return; }`]),
    ...visit(grid, index),
  ]);
  const extensions = [...new Set(sources.flatMap(({ parts }) => parts.extensions ?? []))];
  return {
    ...assemble(bindings, { extensions, declarations, workgroupSize: [workgroupSize], body }),
    workgroups: () => [workgroups, 1, 1],
    workgroupMemory: bytesOf(memory.variables),
    workgroupSize,
  };
}

/** A kernel's workgroups, in turns. Between two of them workgroup memory changes its owner. */
function visit([x, y, z]: Grid, index: number): string[] {
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
