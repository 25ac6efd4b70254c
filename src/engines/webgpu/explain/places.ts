/**
 * Assigns a program's values to parts of the model: the embeddings, a part of a layer, or the head.
 *
 * Passes replace values but keep parameters, whose names tell their part. A value belongs to the part of the latest parameter
 * it depends on; attention, which has no parameters, begins at a matmul of two computed tensors, and a LayerNorm where a
 * dense layer's row is first centred or reduced.
 */
import { placeOfParameter } from "../../../architectures/index.ts";
import { isNormPart, type Part, parts } from "../../../architectures/parts.ts";
import { computeOrder } from "../../../program/order.ts";
import { operandsOf, type Program, type Value } from "../../../program/program.ts";

export interface Place {
  readonly part: Part;
  /** Absent for the embeddings, the head, and constants that layers share. */
  readonly layer?: number;
}

const embeddings: Place = { part: "embeddings" };

/** @param constants the values that depend on no input. */
export function placesOf(program: Program, constants: ReadonlySet<Value>): Map<Value, Place> {
  const places = new Map<Value, Place>();
  for (const value of computeOrder(program)) {
    const placesOf = (values: readonly Value[]) => values.map((operand) => places.get(operand) ?? embeddings);
    const operands = operandsOf(value.operation);
    if (constants.has(value)) {
      places.set(value, placeOfConstant(value, placesOf(operands)));
      continue;
    }
    const computed = latestOf(placesOf(operands.filter((operand) => !constants.has(operand))));
    const read = placesOf(operands.filter((operand) => constants.has(operand)));
    const latest = latestOf([computed, ...read.map((place) => locate(place, computed))]);
    places.set(value, placeOf(value, latest, constants));
  }
  return places;
}

/** Of a folded LayerNorm and the dense layer after it, a constant belongs to the dense layer. */
function placeOfConstant({ operation }: Value, operands: readonly Place[]): Place {
  if (operation.kind === "parameter") return placeOfParameter(operation.name);
  const dense = operands.filter(({ part }) => !isNormPart(part));
  const hasLayers = operands.some(({ layer }) => layer !== undefined);
  return latestOf(hasLayers || dense.length === 0 ? operands : dense);
}

/** The place of a constant that layers share, for a value computed at another place: where its part comes next. */
function locate(constant: Place, computed: Place): Place {
  const isShared = constant.layer === undefined && constant.part !== "head" && constant.part !== "embeddings";
  if (!isShared) return constant;
  const layer = computed.layer ?? -1;
  const isNext = parts.indexOf(constant.part) < parts.indexOf(computed.part) || layer < 0;
  return { part: constant.part, layer: isNext ? layer + 1 : layer };
}

const latestOf = (places: readonly Place[]): Place =>
  places.reduce((a, b) => (orderOf(b) > orderOf(a) ? b : a), embeddings);

/** @param latest the latest place of an operand. */
function placeOf({ operation }: Value, latest: Place, constants: ReadonlySet<Value>): Place {
  const { part } = latest;
  if (operation.kind === "matmul" && part === "query, key, value" && !constants.has(operation.right)) {
    return { ...latest, part: "attention" };
  }
  const centres =
    operation.kind === "reduce" || (operation.kind === "elementwise" && operation.function === "subtract");
  if (centres && part === "attention output") return { ...latest, part: "attention LayerNorm" };
  if (centres && part === "output") return { ...latest, part: "output LayerNorm" };
  return latest;
}

/** A number that increases along the model. */
export function orderOf({ part, layer }: Place): number {
  if (part === "head") return Number.POSITIVE_INFINITY;
  return (layer ?? -1) * parts.length + parts.indexOf(part);
}
