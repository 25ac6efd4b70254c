/**
 * What the tiles of several families have in common: how their sizes are checked, combined and printed.
 */
import * as v from "valibot";

/** A size, as a schema. */
export const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** All ways to take one of each. */
export function* combinations<T extends readonly (readonly number[])[]>(
  ...choices: T
): Generator<{ [K in keyof T]: number }> {
  const [first, ...others] = choices as unknown as readonly [readonly number[], ...(readonly number[])[]];
  if (first === undefined) {
    yield [] as never;
    return;
  }
  for (const value of first) for (const rest of combinations(...others)) yield [value, ...rest] as never;
}

interface FormattedSizes {
  readonly sizes: object;
  readonly grid?: readonly number[];
  readonly layout?: string;
  readonly splitK?: number;
  readonly prefetchStages?: number;
}

/** `96×96×32 2·2·2 ÷4 +2`: the sizes, a grid within the workgroup, split-K and prefetched stages where there are any. */
export function formatSizes({ sizes, grid, layout, splitK = 1, prefetchStages = 1 }: FormattedSizes): string {
  return [
    Object.values(sizes).join("×"),
    ...(grid === undefined ? [] : [grid.join("·")]),
    ...(layout === undefined ? [] : [layout]),
    ...(splitK > 1 ? [`÷${splitK}`] : []),
    ...(prefetchStages > 1 ? [`+${prefetchStages}`] : []),
  ].join(" ");
}
