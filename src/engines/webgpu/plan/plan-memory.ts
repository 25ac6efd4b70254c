/**
 * The memory plan: tensors whose lifetimes do not overlap share memory in one arena.
 *
 * A tensor lives from the kernel that writes it to the last that reads it. In order of decreasing size, each tensor takes
 * the lowest offset that is free during its lifetime (first fit). On BERT this is within a tenth of the lower bound, the max
 * total size of simultaneously live tensors; there is no such guarantee for every program.
 */
export interface Lifetime {
  readonly bytes: number;
  /** Index of the kernel that writes it. */
  readonly first: number;
  /** Index of the last kernel that reads it. */
  readonly last: number;
}

export interface MemoryPlan {
  /** Each tensor's offset in bytes, in the order of the lifetimes. */
  readonly offsets: readonly number[];
  readonly bytes: number;
}

/** @param alignment the divisor of all offsets. */
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
