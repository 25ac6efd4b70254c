/**
 * HTML as a value of its own, so that text cannot be mistaken for it.
 *
 *     html`<p>${name}</p>`   // `name` is escaped, whatever it is
 *
 * Must stay true: a string never becomes markup but by way of `html`, where only the literal parts are taken as they
 * are, or `trusted`, which is for what this folder's own code drew.
 */

export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** What may stand in a template. Nothing is shown for `null`, `undefined` and `false`. */
export type Content = string | number | Markup | null | undefined | false | readonly Content[];

export function html(literals: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const parts = literals.map((literal, index) => `${literal}${index < contents.length ? write(contents[index]) : ""}`);
  return new Markup(parts.join(""));
}

/** For SVG and styles that this folder made itself. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function write(content: Content): string {
  if (content === null || content === undefined || content === false) return "";
  if (content instanceof Markup) return content.text;
  if (typeof content === "object") return content.map(write).join("");
  return escapeText(String(content));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Safe as text and inside a quoted attribute. Control characters and half surrogate pairs have no place in HTML. */
export function escapeText(text: string): string {
  return text
    .replace(/[^\P{Cc}\n\t]|\p{Cs}/gu, "\uFFFD")
    .replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** Names come from outside: isolated, so that right-to-left characters in one cannot rearrange what is beside it. */
export function named(name: string): Markup {
  return html`<bdi>${name}</bdi>`;
}
