/**
 * Who brings what of lines into workgroup memory: the lines' units (a few elements that are neighbours), one after another, by
 * all invocations in turn, each into registers first, so that they are on their way while something else is computed.
 */

/** A unit that an invocation brings, as WGSL. */
export interface BroughtUnit {
  readonly index: number;
  readonly line: string;
  /** Which of the line's units it is. */
  readonly unit: string;
  /** Whether there is one, if not all invocations have it. */
  readonly isInside?: string;
}

export function broughtUnits(lines: number, perLine: number, invocations: number): readonly BroughtUnit[] {
  const all = lines * perLine;
  return Array.from({ length: Math.ceil(all / invocations) }, (_, index) => {
    const place = index === 0 ? "local_index" : `(local_index + ${index * invocations}u)`;
    const unit = { index, line: `${place} / ${perLine}u`, unit: `${place} % ${perLine}u` };
    return (index + 1) * invocations <= all ? unit : { ...unit, isInside: `${place} < ${all}u` };
  });
}
