/**
 * The best distinct spans of a text, of any number offered.
 *
 * The same characters can be offered often: from two windows that overlap, or from different tokens that widen to the same
 * words. They are one span, with the best score it was offered with.
 *
 * Must stay true: the result is that of sorting every span ever offered, though only `capacity` are kept; it does not
 * depend on the order of offers.
 */

/** A piece of the text in UTF-16 code units, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/** Best first; equal scores in the order of the text, so that a result never depends on how it was computed. */
export function compareSpans(a: Span, b: Span): number {
  return b.score - a.score || a.start - b.start || a.end - b.end;
}

/** How many spans beyond twice the capacity may wait before the worse ones are dropped. */
const slack = 64;

export class TopSpans {
  readonly #capacity: number;
  readonly #spans = new Map<number, Span>();
  #floor = Number.NEGATIVE_INFINITY;

  /** @param capacity how many spans to keep. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** A span that scores less than this cannot be among the best: it need not be offered. */
  get floor(): number {
    return this.#floor;
  }

  offer(span: Span): void {
    const key = spanKey(span);
    const same = this.#spans.get(key);
    if (same !== undefined && same.score >= span.score) return;
    this.#spans.set(key, span);
    if (this.#spans.size > 2 * this.#capacity + slack) this.#dropWorse();
  }

  /** The best, best first. */
  toArray(): Span[] {
    return [...this.#spans.values()].sort(compareSpans).slice(0, this.#capacity);
  }

  /** A span dropped here may come back with a better score: by then the others have not become worse. */
  #dropWorse(): void {
    const best = this.toArray();
    this.#spans.clear();
    for (const span of best) this.#spans.set(spanKey(span), span);
    this.#floor = best.at(-1)?.score ?? Number.NEGATIVE_INFINITY;
  }
}

/** One number for both ends: V8's longest string has 2²⁹ code units, and a span's length never comes near 2²⁴. */
function spanKey({ start, end }: Span): number {
  return start * 2 ** 24 + (end - start);
}
