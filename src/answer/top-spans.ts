/**
 * Keeps the best distinct spans of a text.
 *
 * The same characters may be offered several times: from overlapping windows, or from different tokens that widen to
 * the same words. They are one span, with its best score.
 *
 * Must stay true: the result equals sorting all spans ever offered, although only `capacity` are kept; it does not
 * depend on the order of offers.
 */

/** A range of the text in UTF-16 code units, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/** Best first; equal scores in text order, for a deterministic result. */
export function compareSpans(a: Span, b: Span): number {
  return b.score - a.score || a.start - b.start || a.end - b.end;
}

/** Spans are dropped when there are this many more than twice the capacity. */
const slack = 64;

export class TopSpans {
  readonly #capacity: number;
  readonly #spans = new Map<number, Span>();
  #minScore = Number.NEGATIVE_INFINITY;

  /** @param capacity how many spans to keep. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** A span with a lower score cannot be among the best and need not be offered. */
  get minScore(): number {
    return this.#minScore;
  }

  offer(span: Span): void {
    const key = spanKey(span);
    const same = this.#spans.get(key);
    if (same !== undefined && same.score >= span.score) return;
    this.#spans.set(key, span);
    if (this.#spans.size > 2 * this.#capacity + slack) this.#dropWorse();
  }

  /** Best first. */
  toArray(): Span[] {
    return [...this.#spans.values()].sort(compareSpans).slice(0, this.#capacity);
  }

  /** A dropped span may be offered again with a better score; the kept ones never get worse. */
  #dropWorse(): void {
    const best = this.toArray();
    this.#spans.clear();
    for (const span of best) this.#spans.set(spanKey(span), span);
    this.#minScore = best.at(-1)?.score ?? Number.NEGATIVE_INFINITY;
  }
}

/** Start and length in one number: V8's longest string has 2²⁹ code units, and a span is always shorter than 2²⁴. */
function spanKey({ start, end }: Span): number {
  return start * 2 ** 24 + (end - start);
}
