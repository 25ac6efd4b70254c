/**
 * The characters of byte-level BPE: each byte of UTF-8 is written as one printable character (a space as `Ġ`), so that
 * a vocabulary of strings can hold any bytes.
 *
 * Must stay true: these are GPT-2's 256 characters, each one UTF-16 code unit.
 */

/** By byte. */
export const BYTE_CHARACTERS: readonly string[] = makeCharacters();

/** A space. */
export const SPACE_CHARACTER = BYTE_CHARACTERS[0x20] as string;

const encoder = new TextEncoder();

function makeCharacters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
    return String.fromCharCode(isPrintable ? byte : next++);
  });
}

/** The bytes of one character, as characters. A lone surrogate gives those of U+FFFD. */
export function byteCharactersOf(character: string): string {
  let characters = "";
  for (const byte of encoder.encode(character)) characters += BYTE_CHARACTERS[byte];
  return characters;
}
