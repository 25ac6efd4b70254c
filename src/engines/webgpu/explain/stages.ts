/**
 * Finds the stages (`layer.0.query`, …) of a program that passes have rewritten, by what produces them: the bias added last,
 * the LayerNorm's bias, the softmax. A value that concatenates stages, as after horizontal fusion, has all their names.
 */
import { placeOfParameter, stageName } from "../../../architectures/index.ts";
import { computeOrder } from "../../../program/order.ts";
import { elementwiseOperands, matchGelu, matchGeluTanh, matchSoftmax } from "../../../program/patterns.ts";
import type { Program, Value } from "../../../program/program.ts";
import { viewedTensor } from "../../../program/views.ts";
import type { Place } from "./places.ts";

/** The stage names of values. Constants have none; views neither: the tensors they view do. */
export function stagesOf(
  program: Program,
  places: ReadonlyMap<Value, Place>,
  constants: ReadonlySet<Value>,
): Map<Value, readonly string[]> {
  const stages = new Map<Value, string[]>();
  const name = (value: Value, ...names: readonly string[]): void => {
    stages.set(value, [...(stages.get(value) ?? []), ...names]);
  };
  for (const value of computeOrder(program)) {
    if (constants.has(value)) continue;
    const layer = places.get(value)?.layer;
    const prefix = `layer.${layer}`;
    for (const operand of elementwiseOperands(value, "add")) name(value, ...stagesOfBias(operand, layer));
    if ((matchGelu(value) ?? matchGeluTanh(value)) && places.get(value)?.part === "intermediate")
      name(value, `${prefix}.intermediate`);
    const softmax = matchSoftmax(value);
    if (softmax) {
      name(softmax.scores, `${prefix}.attention_scores`);
      name(value, `${prefix}.attention_probs`);
    }
    const { operation } = value;
    if (operation.kind === "matmul" && matchSoftmax(operation.left)) name(value, `${prefix}.context`);
  }
  for (const [stage, value] of program.outputs) {
    const tensor = viewedTensor(value);
    if (stages.get(tensor)?.includes(stage) !== true) name(tensor, stage);
  }
  return new Map([...stages].filter(([, names]) => names.length > 0));
}

/** @param layer of the value that the bias completes. */
function stagesOfBias({ operation }: Value, layer: number | undefined): string[] {
  if (operation.kind === "concatenate") return operation.operands.flatMap((operand) => stagesOfBias(operand, layer));
  if (operation.kind !== "parameter" || !operation.name.endsWith(".bias")) return [];
  if (operation.name === "embeddings.LayerNorm.bias") return ["embeddings"];
  const place = placeOfParameter(operation.name);
  const named = place.layer ?? layer;
  return place.stage === undefined || named === undefined ? [] : [stageName(named, place.stage)];
}
