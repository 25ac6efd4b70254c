/**
 * The kernel of elementwise operations, gathers and copies: one invocation computes four neighbouring elements.
 */
import type { Kernel } from "../../../../schedule/schedule.ts";
import type { KernelBindings } from "../../wgsl/bindings.ts";
import { at, delinearize, zero } from "../../wgsl/coordinates.ts";
import { Block } from "../../wgsl/expressions.ts";
import {
  assemble,
  type KernelSource,
  linearGrid,
  linearGroup,
  productOf,
  productText,
  store,
} from "../../wgsl/kernel-source.ts";
import { rowLength, rowVectorsText } from "../../wgsl/storage.ts";

const invocations = 64;

export function elementwiseKernel({ stores }: Kernel, bindings: KernelBindings): KernelSource {
  const shape = stores[0]?.shape ?? [];
  const [leading, last] = [shape.slice(0, -1), shape.at(-1) ?? 1];
  const isScalars = last === 1;
  const rowVectors = isScalars ? "1u" : rowVectorsText(shape);
  for (const value of stores) bindings.write(value);
  const block = new Block(bindings);
  const column = isScalars ? zero : at("column", 4);
  const row = delinearize(at("row"), leading);
  const statements = stores.flatMap((value) => store(bindings, block, value, row, column));
  const body = [
    `let index = (${linearGroup}) * ${invocations}u + local_index;`,
    `if (index >= ${productText(leading)} * ${rowVectors}) { return; }`,
    `let row = index / ${rowVectors};`,
    ...(isScalars ? [] : [`let column = (index % ${rowVectors}) * 4u;`]),
    ...block.lines,
    ...statements,
  ];
  return {
    ...assemble(bindings, { workgroupSize: [invocations], body }),
    workgroups: (extentOf) => {
      const vectors = productOf(leading, extentOf) * (isScalars ? 1 : rowLength(extentOf(last), "f32"));
      return linearGrid(Math.ceil(vectors / invocations));
    },
    workgroupMemory: 0,
    workgroupSize: invocations,
  };
}
