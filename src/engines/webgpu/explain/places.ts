/**
 * Assigns a program's values to parts of the model: the embeddings, a part of a layer, or the head.
 *
 * Passes replace values but keep parameters, whose names tell their part. A value belongs to the part of the latest parameter
 * it depends on; attention, which has no parameters, begins at a matmul of two computed tensors, and a LayerNorm where a
 * dense layer's row is first centred or reduced.
 */
import { computeOrder } from "../../../program/order.ts";
import { operandsOf, type Program, type Value } from "../../../program/program.ts";

export const parts = [
  "embeddings",
  "query, key, value",
  "attention",
  "attention output",
  "attention LayerNorm",
  "intermediate",
  "output",
  "output LayerNorm",
  "head",
] as const;

export type Part = (typeof parts)[number];

export interface Place {
  readonly part: Part;
  /** Absent for the embeddings and the head. */
  readonly layer: number | undefined;
}

const embeddings: Place = { part: "embeddings", layer: undefined };
const head: Place = { part: "head", layer: undefined };

const partsOfParameters: readonly (readonly [string, Part])[] = [
  ["attention.self.", "query, key, value"],
  ["attention.output.dense.", "attention output"],
  ["attention.output.LayerNorm.", "attention LayerNorm"],
  ["intermediate.", "intermediate"],
  ["output.dense.", "output"],
  ["output.LayerNorm.", "output LayerNorm"],
];

export function placesOf(program: Program): Map<Value, Place> {
  const places = new Map<Value, Place>();
  for (const value of computeOrder(program)) {
    const operands = operandsOf(value.operation).map((operand) => places.get(operand) ?? embeddings);
    const latest = operands.reduce((a, b) => (orderOf(b) > orderOf(a) ? b : a), embeddings);
    places.set(value, placeOf(value, latest));
  }
  return places;
}

/** @param latest the latest place of an operand. */
function placeOf({ operation }: Value, latest: Place): Place {
  if (operation.kind === "parameter") return placeOfParameter(operation.name);
  const { part, layer } = latest;
  if (operation.kind === "matmul" && part === "query, key, value" && !isWeight(operation.right)) {
    return { part: "attention", layer };
  }
  const centres =
    operation.kind === "reduce" || (operation.kind === "elementwise" && operation.function === "subtract");
  if (centres && part === "attention output") return { part: "attention LayerNorm", layer };
  if (centres && part === "output") return { part: "output LayerNorm", layer };
  return latest;
}

function isWeight(value: Value): boolean {
  return computeOrder({ outputs: new Map([["", value]]) }).every(({ operation }) => operation.kind !== "input");
}

function placeOfParameter(name: string): Place {
  if (name.startsWith("qa_outputs.")) return head;
  const [, layer, rest = ""] = /^encoder\.layer\.(\d+)\.(.*)$/.exec(name) ?? [];
  const part = partsOfParameters.find(([prefix]) => rest.startsWith(prefix))?.[1];
  return layer === undefined || part === undefined ? embeddings : { part, layer: Number(layer) };
}

/** A number that increases along the model. */
export function orderOf({ part, layer }: Place): number {
  if (part === "head") return Number.POSITIVE_INFINITY;
  return (layer ?? -1) * parts.length + parts.indexOf(part);
}
