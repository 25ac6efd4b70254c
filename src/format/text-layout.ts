/**
 * Line breaks and columns for a terminal.
 *
 * Must stay true: no line is longer than `width` columns, and untrusted text is escaped.
 */
import { displayable } from "./displayable.ts";

/** Columns. */
export const width = 80;

/** In UTF-16 units. */
const maxParagraphLength = 4000;

/** Breaks between words where possible, never before a percent sign, and indents each line. */
export function wrap(text: string, indent = 2): string[] {
  const columns = width - indent;
  const lines: string[] = [];
  let line: string[] = [];
  for (const word of displayable(text, maxParagraphLength)
    .replace(/ +/g, " ")
    .split(/ (?!%)/)
    .flatMap((word) => chunks([...word], columns))) {
    const joined = line.length === 0 ? word : [...line, " ", ...word];
    if (joined.length <= columns) line = joined;
    else {
      lines.push(line.join(""));
      line = word;
    }
  }
  return [...lines, line.join("")].map((words) => `${" ".repeat(indent)}${words}`);
}

function chunks(characters: string[], size: number): string[][] {
  if (characters.length <= size) return [characters];
  return [characters.slice(0, size), ...chunks(characters.slice(size), size)];
}

/** Cuts the middle out of a text that is too long: file names differ at their ends. */
export function clip(text: string, columns: number): string {
  const characters = [...displayable(text)];
  if (characters.length <= columns) return characters.join("");
  const tail = Math.floor((columns - 1) / 2);
  return `${characters.slice(0, columns - 1 - tail).join("")}…${characters.slice(-tail).join("")}`;
}

/** Clips or pads to a column's width. */
export function left(text: string, columns: number): string {
  const clipped = clip(text, columns);
  return clipped + " ".repeat(columns - [...clipped].length);
}

export function right(text: string, columns: number): string {
  const clipped = clip(text, columns);
  return " ".repeat(columns - [...clipped].length) + clipped;
}
