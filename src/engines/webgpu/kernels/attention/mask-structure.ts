/**
 * What a mask of attention says besides its elements: that it keeps queries to their own sequence, or to keys within a
 * window, so that tiles of keys outside are never visited.
 *
 * Must stay true: a structure is only seen in a mask that is 0 wherever the structure forbids a key.
 */
import { constantOf, elementwiseOperands } from "../../../../program/patterns.ts";
import type { Value } from "../../../../program/program.ts";
import { viewedTensor } from "../../../../program/views.ts";
import { sequenceIds } from "../../../../rewrites/pack-sequences.ts";

export interface MaskStructure {
  /** The tensor with the id of each token's sequence; a key of another sequence is masked. */
  readonly sequenceIds?: Value;
  /** Keys farther than this from the query are masked. */
  readonly window?: number;
}

export function structureOf(mask: Value | undefined): MaskStructure {
  if (mask === undefined) return {};
  const factors = elementwiseOperands(mask, "multiply");
  if (factors.length > 0) return Object.assign({}, ...factors.map(structureOf));
  const ids = sequencesOf(mask);
  const window = windowOf(mask);
  return { ...(ids && { sequenceIds: ids }), ...(window !== undefined && { window }) };
}

/** `ids[query] = ids[key]` */
function sequencesOf(mask: Value): Value | undefined {
  const [left, right] = elementwiseOperands(mask, "equal").map(viewedTensor);
  const isIds = left === right && left?.operation.kind === "input" && left.operation.name === sequenceIds;
  return isIds ? left : undefined;
}

/** `max(d, −d) < window + 1`, with d the difference of the tokens' indices. */
function windowOf(mask: Value): number | undefined {
  const [length, limit] = elementwiseOperands(mask, "less");
  const [distance, negated] = elementwiseOperands(length, "maximum");
  const [zero, operand] = elementwiseOperands(negated, "subtract");
  const bound = constantOf(limit);
  if (bound === undefined || constantOf(zero) !== 0 || operand === undefined || operand !== distance) return undefined;
  const [query, key] = elementwiseOperands(distance, "subtract").map(viewedTensor);
  const isIndex = query === key && query?.operation.kind === "input" && query.operation.name === "token_indices";
  return isIndex ? bound - 1 : undefined;
}
