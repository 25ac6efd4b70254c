/**
 * Columns, line breaks and colours for `fusebert verify`.
 *
 * Must stay true: no line is longer than `width` columns; text from outside holds no control codes; text is padded before
 * it is coloured, because colour codes have a length but no width.
 */
import pc from "picocolors";
import { clip, width, wrap } from "../../format/text-layout.ts";
import type { Verdict } from "../../verify/report/verdict.ts";

type Colour = (text: string) => string;

const colours: Readonly<Record<Verdict, Colour>> = {
  IDENTICAL: pc.green,
  GOOD: pc.green,
  FAIR: pc.yellow,
  POOR: pc.red,
  "NON-FINITE": pc.magenta,
  INCONCLUSIVE: pc.yellow,
};

export function colourOf(verdict: Verdict): Colour {
  return colours[verdict];
}

/** @param columns the width to pad to. */
export function coloured(verdict: Verdict, columns = 0): string {
  return colours[verdict](verdict.padEnd(columns));
}

export function heading(number: number, title: string): string {
  return pc.bold(`${number}  ${clip(title, width - 3)}`);
}

export interface Pair {
  readonly term: string;
  readonly value: string;
}

/** Terms and values in two columns; a long value continues below. */
export function pairs(list: readonly Pair[]): string[] {
  const terms = Math.max(0, ...list.map(({ term }) => term.length));
  return list.flatMap(({ term, value }) => {
    const [first = "", ...rest] = wrap(value, terms + 6);
    return [`    ${pc.dim(term.padEnd(terms))}  ${first.trimStart()}`, ...rest];
  });
}
