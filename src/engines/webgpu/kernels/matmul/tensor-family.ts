/** Matmuls in tensor cores: the right operand is weights in float16, [outputs, inputs], without leading axes. */
import type { Value } from "../../../../program/program.ts";
import type { TensorSource } from "../../wgsl/bindings.ts";
import type { KernelFamily } from "../family.ts";
import { type MatmulProblem, matmulProblem } from "./problem.ts";
import { emitTensorMatmul } from "./tensor-matmul.ts";
import { type TensorTile, tensorTiling } from "./tensor-tiles.ts";

export const tensorMatmul: KernelFamily<MatmulProblem, TensorTile> = {
  name: "tensor-matmul",
  accepts: (kernel, context) => {
    const { template } = kernel;
    const isOurs =
      context.limits.tensorCores === true &&
      template.kind === "matmul" &&
      suitsTensorCores(template.matmul, context.placement);
    return isOurs ? matmulProblem(kernel, template, context) : undefined;
  },
  emit: emitTensorMatmul,
  ...tensorTiling,
};

function suitsTensorCores({ operation }: Value, placement: TensorSource): boolean {
  if (operation.kind !== "matmul" || operation.right.shape.length !== 2) return false;
  const { operation: right, shape } = operation.right;
  const isF16 = right.kind === "transpose" && placement.typeOf(right.operand) === "f16";
  return isF16 && shape.every((size) => typeof size === "number");
}
