/** Position ids that begin after the padding's id, as in RoBERTa and MPNet. */
import { CheckpointError } from "../errors.ts";
import type { ModelConfig } from "./architecture.ts";
import { MIN_POSITIONS } from "./config-fields.ts";

/**
 * The first token has position padding + 1, so the table's first rows are never used.
 * @param rows of the table of positions.
 * @throws CheckpointError if no question and text would fit.
 */
export function positionsAfterPadding(
  rows: number,
  padding: number,
  fileName: string,
): Required<Pick<ModelConfig, "maxPositions" | "positionPadding">> {
  const maxPositions = rows - padding - 1;
  if (maxPositions >= MIN_POSITIONS) return { maxPositions, positionPadding: padding };
  throw new CheckpointError({
    found: `${fileName}: max_position_embeddings is ${rows}, of which positions up to ${padding} are padding`,
    expected: `room for at least ${MIN_POSITIONS} tokens`,
    advice: "A question and a text do not fit: use another checkpoint.",
  });
}

/** The position ids of a sequence. */
export function positionIds(
  inputIds: Int32Array,
  { positionPadding }: Pick<ModelConfig, "positionPadding">,
): Int32Array {
  if (positionPadding === undefined) return Int32Array.from(inputIds, (_, index) => index);
  let count = 0;
  return Int32Array.from(inputIds, (id) => {
    if (id === positionPadding) return positionPadding;
    count++;
    return positionPadding + count;
  });
}
