/**
 * Matmuls without tensor cores: a workgroup stages a tile of both operands in workgroup memory, an invocation holds a tile
 * of the result in registers.
 */
import { assemble, type KernelSource } from "../../wgsl/kernel-source.ts";
import type { EmitRequest, KernelFamily } from "../family.ts";
import { DotProduct } from "./dot-product.ts";
import { MatmulEpilogue } from "./epilogue.ts";
import { MatmulOperands } from "./operands.ts";
import { OuterProduct } from "./outer-product.ts";
import { type MatmulProblem, matmulProblem } from "./problem.ts";
import { type Multiplication, type RegisterTiledMatmul, tilePlace } from "./register-tiled.ts";
import {
  memoryOf,
  type RegisterTile,
  registerTiling,
  rowStatisticsVariables,
  stepOf,
  threadsOf,
  workgroupVariables,
} from "./register-tiles.ts";
import { rowStatistics } from "./row-statistics.ts";

export const registerMatmul: KernelFamily<MatmulProblem, RegisterTile> = {
  name: "matmul",
  accepts: (kernel, context) =>
    kernel.template.kind === "matmul" ? matmulProblem(kernel, kernel.template, context) : undefined,
  emit,
  ...registerTiling,
};

function emit(request: EmitRequest, tile: RegisterTile): KernelSource {
  const { kernel, interior, bindings, declarations } = request;
  const { template, stores } = kernel;
  if (template.kind !== "matmul") throw new RangeError(`a kernel of ${template.kind} is no matmul`);
  const count = rowStatistics(interior, template.matmul).length;
  const hasStatistics = template.statistics !== undefined;
  const variables = workgroupVariables(tile, { hasStatistics, rowStatistics: count });
  const memory = new Map(variables.map((variable) => [variable.name, declarations.workgroup(variable)]));
  const statisticNames = rowStatisticsVariables(count, tile.tileM).map(({ name }) => memory.get(name) ?? name);
  for (const value of stores) bindings.write(value);
  const matmul = { ...request, template, statisticNames, splitK: tile.splitK };
  const operands = new MatmulOperands(matmul);
  const stagingType = operands.stagingType();
  const parts: RegisterTiledMatmul = { request: matmul, operands, tile, stagingType, memory };
  const multiplication: Multiplication = tile.layout === "k-major" ? new OuterProduct(parts) : new DotProduct(parts);
  operands.declareLoadLeft(stagingType, stepOf(tile));
  if (operands.isRightTransposed) operands.declareLoadRight(stagingType, stepOf(tile));
  else multiplication.declareLoadRight();
  const epilogue = new MatmulEpilogue(matmul, operands);
  const workgroupSize = threadsOf(tile);
  const body = [
    ...tilePlace(tile),
    ...epilogue.computeRowStatistics(tile.tileM, workgroupSize),
    ...multiplication.multiply(),
    ...multiplication.store(epilogue),
  ];
  const workgroupMemory = memoryOf(tile, { rowStatistics: count });
  return { ...assemble(bindings, { declarations, workgroupSize, workgroupMemory, body }), ...operands.grid(tile) };
}
