/** Elementwise operations, gathers and copies: one invocation computes four neighbouring elements. */
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
import { type EmitRequest, type FixedTile, fixedTile, type KernelFamily, type Problem } from "../family.ts";

export const elementwise: KernelFamily<Problem, FixedTile> = {
  name: "elementwise",
  accepts: ({ template, stores }) => (template.kind === "elementwise" ? { shape: stores[0]?.shape ?? [] } : undefined),
  ...fixedTile(64),
  workgroupVariables: () => [],
  hasGrid: false,
  emit,
};

function emit({ kernel, bindings, declarations }: EmitRequest, { threads }: FixedTile): KernelSource {
  const { stores } = kernel;
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
    `let index = (${linearGroup}) * ${threads}u + local_index;`,
    `if (index >= ${productText(leading)} * ${rowVectors}) { return; }`,
    `let row = index / ${rowVectors};`,
    ...(isScalars ? [] : [`let column = (index % ${rowVectors}) * 4u;`]),
    ...block.lines,
    ...statements,
  ];
  return {
    ...assemble(bindings, { declarations, workgroupSize: threads, workgroupMemory: 0, body }),
    workgroups: (extentOf) => {
      const vectors = productOf(leading, extentOf) * (isScalars ? 1 : rowLength(extentOf(last), "f32"));
      return linearGrid(Math.ceil(vectors / threads));
    },
  };
}
