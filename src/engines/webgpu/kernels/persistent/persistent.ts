/**
 * Several kernels in one dispatch: as many workgroups as the GPU runs at the same time stay for all of them, and meet between
 * one and the next. Each takes the workgroups that a kernel would have had in turns.
 *
 * WGSL does not promise that this works: neither that workgroups run at the same time, nor that one sees what another has
 * written before both met. Hence it is only done where somebody asked for it, and where a self-test on the device came out
 * right; waiting is bounded, and a run in which workgroups did not meet says so (`meetings.ts`).
 *
 * Must stay true: every invocation reaches every meeting; what one workgroup writes and another reads after a meeting had
 * nothing else in its place earlier in the dispatch, which might still be in a cache (all tensors of a kernel have places of
 * their own, see `arena.ts`).
 */

import type { KernelBindings } from "../../wgsl/bindings.ts";
import { assemble, type Grid, indent, type KernelSource } from "../../wgsl/kernel-source.ts";
import { meetingsSource } from "./grid-barrier.ts";

/** Kernels that share their bindings, each with the grid it would have. */
export type MergeableSource = KernelSource & { readonly grid: Grid };

/** Whether sources can become one: their workgroups are alike. */
export function canMerge(sources: readonly KernelSource[]): sources is readonly MergeableSource[] {
  const [first] = sources;
  return sources.every(({ grid, workgroupSize }) => grid !== undefined && workgroupSize === first?.workgroupSize);
}

/**
 * @param sources made with the same bindings, in order.
 * @param workgroups that stay.
 */
export function mergeSources(
  sources: readonly MergeableSource[],
  bindings: KernelBindings,
  workgroups: number,
): KernelSource {
  bindings.useMeetings();
  const memory = new SharedMemory();
  const stages = sources.map((source, index) => stageOf(source, index, memory));
  const [{ workgroupSize }] = sources as readonly [MergeableSource, ...MergeableSource[]];
  const body = sources.flatMap(({ grid }, index) => [
    ...(index === 0 ? [] : [`if (!meet(${index}u, groups.x, local_index)) { return; }`]),
    ...visit(grid, index),
  ]);
  return {
    ...assemble(bindings, {
      extensions: [...new Set(sources.flatMap(({ parts }) => parts.extensions ?? []))],
      declarations: [...memory.declarations, meetingsSource, ...stages.flat()],
      workgroupSize: [workgroupSize],
      body,
    }),
    workgroups: () => [workgroups, 1, 1],
    workgroupMemory: memory.bytes,
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

/** A kernel's declarations and its body, as a function, by names that no other has. */
function stageOf({ parts }: KernelSource, index: number, memory: SharedMemory): string[] {
  const { declarations = [], body } = parts;
  const text = declarations.join("\n");
  const names = new Map<string, string>();
  for (const [, name = ""] of text.matchAll(/\bfn (\w+)\(/g)) names.set(name, `${name}_${index}`);
  memory.begin();
  for (const [, name = "", type = ""] of text.matchAll(workgroupVariable)) names.set(name, memory.place(type));
  const renamed = (source: string): string => source.replaceAll(/\b[a-z_]\w*\b/gi, (word) => names.get(word) ?? word);
  return [
    renamed(text.replaceAll(workgroupVariable, "")).trim(),
    `fn stage_${index}(group: vec3<u32>, groups: vec3<u32>, local: vec3<u32>, local_index: u32) {`,
    ...indent(body.map(renamed)),
    "}",
  ];
}

const workgroupVariable = /^var<workgroup> (\w+): (.+);$/gm;

/** Workgroup memory that kernels use one after another: variables of one type share their places. */
class SharedMemory {
  /** By type: for each variable that a kernel has of it, how many elements it takes; none for what is no array. */
  readonly #places = new Map<string, (number | undefined)[]>();
  #used = new Map<string, number>();

  /** Another kernel follows. */
  begin(): void {
    this.#used = new Map();
  }

  /** The name of a kernel's next variable of a type. */
  place(type: string): string {
    const [, element = type, count] = /^array<(.+), (\d+)>$/.exec(type) ?? [];
    const index = this.#used.get(element) ?? 0;
    this.#used.set(element, index + 1);
    const places = this.#places.get(element) ?? [];
    this.#places.set(element, places);
    const known = places[index] ?? 0;
    places[index] = count === undefined ? undefined : Math.max(known, Number(count));
    return nameOf(element, index);
  }

  get declarations(): string[] {
    return [...this.#places].flatMap(([element, places]) =>
      places.map((count, index) => {
        const type = count === undefined ? element : `array<${element}, ${count}>`;
        return `var<workgroup> ${nameOf(element, index)}: ${type};`;
      }),
    );
  }

  get bytes(): number {
    const bytesOf = (element: string): number => (element.startsWith("vec4") ? 16 : 4);
    return [...this.#places].reduce(
      (sum, [element, places]) => sum + places.reduce<number>((all, count) => all + (count ?? 1) * bytesOf(element), 0),
      0,
    );
  }
}

const nameOf = (element: string, index: number): string => `shared_${element.replaceAll(/\W+/g, "_")}_${index}`;
