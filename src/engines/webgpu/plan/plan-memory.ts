/**
 * The memory plan: tensors that are never needed at the same time share their place in one arena.
 *
 * A tensor lives from the kernel that writes it to the last that reads it. Larger ones choose first, each the lowest place
 * that is free for as long as it lives: simple, and on BERT within a tenth of the bound, the largest sum of what lives at
 * once. On a contrived chain it may take more: a bound for every program would need another method.
 */

export interface Lifetime {
  readonly bytes: number;
  /** Index of the kernel that writes it. */
  readonly first: number;
  /** Index of the last kernel that reads it. */
  readonly last: number;
}

export interface MemoryPlan {
  /** Where each tensor begins, in bytes, in the order they were given. */
  readonly offsets: readonly number[];
  readonly bytes: number;
}

/** @param alignment what every offset is a multiple of. */
export function planMemory(lifetimes: readonly Lifetime[], alignment: number): MemoryPlan {
  const placed: { readonly lifetime: Lifetime; readonly offset: number }[] = [];
  const offsets = lifetimes.map(() => 0);
  const bySize = lifetimes
    .map((lifetime, index) => ({ lifetime, index }))
    .sort((a, b) => b.lifetime.bytes - a.lifetime.bytes);
  for (const { lifetime, index } of bySize) {
    const neighbours = placed
      .filter((other) => other.lifetime.first <= lifetime.last && lifetime.first <= other.lifetime.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of neighbours) {
      if (offset + lifetime.bytes <= other.offset) break;
      offset = Math.max(offset, roundUp(other.offset + other.lifetime.bytes, alignment));
    }
    offsets[index] = offset;
    placed.push({ lifetime, offset });
  }
  return { offsets, bytes: Math.max(0, ...placed.map(({ lifetime, offset }) => offset + lifetime.bytes)) };
}

export const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
