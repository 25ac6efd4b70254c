/** Common to the tiles of several families: how sizes are checked, combined and formatted. */
import * as v from "valibot";

/** The schema of a size. */
export const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** The Cartesian product. */
export function* combinations<T extends readonly (readonly number[])[]>(
  ...choices: T
): Generator<{ [K in keyof T]: number }> {
  const [first, ...rest] = choices as unknown as readonly [readonly number[], ...(readonly number[])[]];
  if (first === undefined) {
    yield [] as never;
    return;
  }
  for (const value of first) for (const tail of combinations(...rest)) yield [value, ...tail] as never;
}

interface FormattedSizes {
  readonly sizes: object;
  readonly grid?: readonly number[];
  readonly layout?: string;
  readonly splitK?: number;
  readonly prefetchStages?: number;
}

/** `96×96×32 2·2·2 ÷4 +2`: the sizes, a grid within the workgroup, split-K after `÷`, prefetch stages after `+`. */
export function formatSizes({ sizes, grid, layout, splitK = 1, prefetchStages = 1 }: FormattedSizes): string {
  return [
    Object.values(sizes).join("×"),
    ...(grid === undefined ? [] : [grid.join("·")]),
    ...(layout === undefined ? [] : [layout]),
    ...(splitK > 1 ? [`÷${splitK}`] : []),
    ...(prefetchStages > 1 ? [`+${prefetchStages}`] : []),
  ].join(" ");
}
