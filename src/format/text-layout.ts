/**
 * Line breaks and columns of text for a terminal.
 *
 * Must stay true: no line is longer than `width` columns, and text from outside cannot command the terminal.
 */
import { displayable } from "./displayable.ts";

/** Columns of a terminal that everything fits into. */
export const width = 80;

/** The most that is wrapped, in UTF-16 units. */
const longestParagraph = 4000;

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
