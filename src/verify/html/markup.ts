/**
 * HTML as a type of its own, so that unescaped text cannot be used as markup.
 *
 *     html`<p>${name}</p>`   // `name` is always escaped
 *
 * Must stay true: a string becomes markup only through `html`, which escapes all but the literal parts, or `trusted`, which
 * is only for output of this folder's code.
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

/** A value in a template. `null`, `undefined` and `false` are empty. */
export type Content = string | number | Markup | null | undefined | false | readonly Content[];

export function html(literals: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const parts = literals.map((literal, index) => `${literal}${index < contents.length ? write(contents[index]) : ""}`);
  return new Markup(parts.join(""));
}

/** For SVG and styles made by this folder. */
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

/** Escapes text for content and quoted attributes. Control characters and lone surrogates are invalid in HTML. */
export function escapeText(text: string): string {
  return text
    .replace(/[^\P{Cc}\n\t]|\p{Cs}/gu, "\uFFFD")
    .replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** Isolates an untrusted name, so that its right-to-left characters cannot reorder the text around it. */
export function named(name: string): Markup {
  return html`<bdi>${name}</bdi>`;
}
