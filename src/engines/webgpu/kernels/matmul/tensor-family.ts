/** Matmuls in tensor cores: the right operand is known before a run and stored in float16, [..., outputs, inputs]. */
import type { Value } from "../../../../program/program.ts";
import { viewedTensor } from "../../../../program/views.ts";
import type { TensorSource } from "../../wgsl/bindings.ts";
import type { KernelFamily } from "../family.ts";
import { isKContiguous, type MatmulProblem, matmulProblem } from "./problem.ts";
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
  if (operation.kind !== "matmul") return false;
  const { right } = operation;
  return (
    isKContiguous(right) &&
    placement.typeOf(viewedTensor(right)) === "f16" &&
    right.shape.every((extent) => typeof extent === "number")
  );
}
