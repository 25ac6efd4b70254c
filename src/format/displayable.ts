/**
 * Makes untrusted text (names, paths, values from files, messages of libraries) safe to print on a terminal.
 *
 * Must stay true: the result has no control character, no bidirectional control, no line break and a bounded length;
 * every change is visible: controls are written as `\u001b`, cuts as `…`.
 */

/** C0, DEL and C1 controls, lone surrogates, bidirectional controls, line and paragraph separators. */
const controls = /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/gu;

/** A long word is mostly a name or a path. */
const maxWordLength = 200;
const maxTextLength = 600;

/**
 * Escapes controls and cuts the middle out of long words and long texts.
 * @param maxLength of the result, in UTF-16 units.
 */
export function displayable(text: string, maxLength = maxTextLength): string {
  // A far too long text is cut before it is searched.
  const escaped = escapeControls(withoutMiddle(text, 4 * Math.max(maxLength, maxWordLength)));
  // A cut may join two words into a long one.
  return withShortWords(withoutMiddle(withShortWords(escaped), maxLength));
}

const withShortWords = (text: string): string => text.replace(/\S+/gu, (word) => withoutMiddle(word, maxWordLength));

/** Writes every control as JSON does: `\u001b`, `\n`. Backslashes are not escaped. */
export function escapeControls(text: string): string {
  return text.replace(controls, (character) => {
    const quoted = JSON.stringify(character).slice(1, -1);
    return quoted === character ? escapeOf(character) : quoted;
  });
}

/** Removes what `escapeControls` escapes, for prose. */
export function withoutControls(text: string): string {
  return text.replace(controls, "");
}

/** Replaces the middle of a text longer than `maxLength` UTF-16 units by `…`. */
export function withoutMiddle(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const tail = Math.floor((maxLength - 1) / 2);
  const head = maxLength - 1 - tail;
  // Surrogate pairs are not split.
  const start = text.slice(0, head).replace(/[\ud800-\udbff]$/, "");
  const end = tail === 0 ? "" : text.slice(-tail).replace(/^[\udc00-\udfff]/, "");
  return `${start}…${end}`;
}

/** `\u` and four hexadecimal digits. */
export function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
