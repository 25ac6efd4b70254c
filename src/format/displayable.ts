/**
 * Text from outside as a terminal may show it: names, paths, values from files, messages of libraries.
 *
 * Must stay true: what comes out holds no control character, no code that turns the direction of text and no line break,
 * and is short, whatever comes in; nothing is left out without a trace: controls are written as `\u001b`, cuts as `…`.
 */

/** Controls (C0, DEL, C1), halves of surrogate pairs, bidirectional controls, and breaks of lines and paragraphs. */
const commanding = /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/gu;

/** The longest word, which a name or a path mostly is. */
const longestWord = 200;
/** The longest sentence. */
const longestText = 600;

/**
 * Controls made visible, long words and long texts without their middle.
 * @param most the most UTF-16 units of the result.
 */
export function displayable(text: string, most = longestText): string {
  // What is far too long is cut before it is looked through.
  const escaped = escapeControls(withoutMiddle(text, 4 * Math.max(most, longestWord)));
  return withoutMiddle(
    escaped.replace(/\S+/gu, (word) => withoutMiddle(word, longestWord)),
    most,
  );
}

/** Every control as JSON would write it: `\u001b`, `\n`. Backslashes stay as they are. */
export function escapeControls(text: string): string {
  return text.replace(commanding, (character) => {
    const quoted = JSON.stringify(character).slice(1, -1);
    return quoted === character ? escapeOf(character) : quoted;
  });
}

/** The text without what `escapeControls` would write out, for prose in which it says nothing. */
export function withoutControls(text: string): string {
  return text.replace(commanding, "");
}

/** A text of at most `most` UTF-16 units: its beginning and its end with `…` between them where it is longer. */
export function withoutMiddle(text: string, most: number): string {
  if (text.length <= most) return text;
  const tail = Math.floor((most - 1) / 2);
  const head = most - 1 - tail;
  // No character is cut in two.
  const start = text.slice(0, head).replace(/[\ud800-\udbff]$/, "");
  const end = tail === 0 ? "" : text.slice(-tail).replace(/^[\udc00-\udfff]/, "");
  return `${start}…${end}`;
}

/** `\u` and the four digits of a character's code. */
export function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
