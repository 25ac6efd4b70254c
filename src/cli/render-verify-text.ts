/**
 * Columns, line breaks and colours for `fusebert verify`.
 *
 * Must stay true: no line is longer than `width` columns; text from outside cannot command the terminal; text is padded
 * before it is coloured, because colour codes have a length but no width.
 */
import pc from "picocolors";
import { displayable } from "../format/displayable.ts";
import type { Verdict } from "../verify/verdict.ts";

export const width = 80;

/** The most that is wrapped, in UTF-16 units. */
const longestParagraph = 4000;

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

/** @param columns at least so wide; for the width of a table's column. */
export function coloured(verdict: Verdict, columns = 0): string {
  return colours[verdict](verdict.padEnd(columns));
}

export function heading(number: number, title: string): string {
  return pc.bold(`${number}  ${clip(title, width - 3)}`);
}

/** Broken between words where possible, but not before a percent sign; each line indented. */
export function wrap(text: string, indent = 2): string[] {
  const room = width - indent;
  const lines: string[] = [];
  let line: string[] = [];
  for (const word of displayable(text, longestParagraph)
    .replace(/ +/g, " ")
    .split(/ (?!%)/)
    .flatMap((word) => chunks([...word], room))) {
    const joined = line.length === 0 ? word : [...line, " ", ...word];
    if (joined.length <= room) line = joined;
    else {
      lines.push(line.join(""));
      line = word;
    }
  }
  return [...lines, line.join("")].map((words) => `${" ".repeat(indent)}${words}`);
}

function chunks(characters: string[], most: number): string[][] {
  if (characters.length <= most) return [characters];
  return [characters.slice(0, most), ...chunks(characters.slice(most), most)];
}

/** Without its middle if it is too long: what tells file names apart is at their ends. */
export function clip(text: string, most: number): string {
  const characters = [...displayable(text)];
  if (characters.length <= most) return characters.join("");
  const tail = Math.floor((most - 1) / 2);
  return `${characters.slice(0, most - 1 - tail).join("")}…${characters.slice(-tail).join("")}`;
}

/** Clipped or padded to the column's width. */
export function left(text: string, columns: number): string {
  const clipped = clip(text, columns);
  return clipped + " ".repeat(columns - [...clipped].length);
}

export function right(text: string, columns: number): string {
  const clipped = clip(text, columns);
  return " ".repeat(columns - [...clipped].length) + clipped;
}

export interface Pair {
  readonly term: string;
  readonly value: string;
}

/** Terms and values in two columns; a long value goes on below itself. */
export function pairs(list: readonly Pair[]): string[] {
  const terms = Math.max(0, ...list.map(({ term }) => term.length));
  return list.flatMap(({ term, value }) => {
    const [first = "", ...rest] = wrap(value, terms + 6);
    return [`    ${pc.dim(term.padEnd(terms))}  ${first.trimStart()}`, ...rest];
  });
}
