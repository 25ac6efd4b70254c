/**
 * The character map of a SentencePiece model (`precompiled_charsmap`): strings, and what replaces them. Its layout, in
 * little-endian order: the trie's length in bytes (u32), the trie, and the replacements in UTF-8, each ended by a zero.
 *
 * The trie is a double array of the library Darts-clone. A unit has a label (bits 0 to 7, and 31), whether a leaf follows
 * (bit 8), and the offset of its children (bits 10 to 30, times 256 if bit 9 is set). A child's index is the XOR of its
 * parent's index, the parent's offset and the next byte; the leaf is the child without a byte. A leaf holds the place of
 * its replacement.
 *
 * Must stay true: look-ups give what the Rust crate spm_precompiled 0.1.4 gives. Where that one panics, because the trie
 * or a leaf points outside of the file or into the middle of a character, there is no replacement.
 */
import { CheckpointError, GET_AGAIN } from "../../errors.ts";

const HEADER_BYTES = 4;
const UNIT_BYTES = 4;
const HAS_LEAF = 1 << 8;
const LABEL = 0x800000ff | 0;
const MAX_VALUE = 0x7fffffff;
const NONE = -1;
/** In bytes. The longest of the usual map (nmt_nfkc) has 33. */
const MAX_REPLACEMENT = 1024;
const MAX_CACHED_REPLACEMENTS = 16_384;

export class Charsmap {
  readonly #trie: Int32Array;
  readonly #replacements: Uint8Array;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** By place. */
  readonly #cache = new Map<number, string>();

  /**
   * @param name of what holds it, for errors.
   * @throws CheckpointError if it is malformed.
   */
  constructor(bytes: Uint8Array, name: string) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const trieBytes = bytes.length < HEADER_BYTES ? 0 : view.getUint32(0, true);
    const units = Math.floor(trieBytes / UNIT_BYTES);
    const end = HEADER_BYTES + units * UNIT_BYTES;
    if (units === 0 || end > bytes.length) {
      throw malformed(
        `${name} has ${bytes.length} bytes, and its trie ${trieBytes}`,
        "a trie within the character map",
      );
    }
    this.#trie = new Int32Array(units);
    for (let unit = 0; unit < units; unit++) this.#trie[unit] = view.getInt32(HEADER_BYTES + unit * UNIT_BYTES, true);
    this.#replacements = bytes.slice(end);
    checkReplacements(this.#replacements, name);
  }

  /** @throws CheckpointError if it is malformed. */
  static fromBase64(charsmap: string, name: string): Charsmap {
    if (charsmap.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(charsmap)) {
      throw malformed(`${name} is ${JSON.stringify(charsmap.slice(0, 40))}`, "base64 with padding");
    }
    const binary = atob(charsmap);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
    return new Charsmap(bytes, name);
  }

  /** What replaces the shortest beginning of text[start, end) that the map has; undefined if it has none. */
  replacementOf(text: string, start: number, end: number): string | undefined {
    const place = this.#find(text, start, end);
    if (place === NONE) return undefined;
    let replacement = this.#cache.get(place);
    if (replacement === undefined) {
      const zero = this.#replacements.indexOf(0, place);
      replacement = this.#decoder.decode(this.#replacements.subarray(place, zero === -1 ? undefined : zero));
      if (this.#cache.size >= MAX_CACHED_REPLACEMENTS) this.#cache.clear();
      this.#cache.set(place, replacement);
    }
    return replacement;
  }

  #find(text: string, start: number, end: number): number {
    let node = offsetOf(this.#trie[0] as number);
    for (let at = start; at < end; ) {
      const codePoint = text.codePointAt(at) as number;
      at += codePoint > 0xffff ? 2 : 1;
      for (let left = utf8Length(codePoint) - 1, index = 0; left >= 0; left--, index++) {
        const byte = byteOf(codePoint, left, index === 0);
        if (byte === 0) return NONE;
        node ^= byte;
        const unit = this.#trie[node];
        if (unit === undefined || (unit & LABEL) !== byte) return NONE;
        node ^= offsetOf(unit);
        if ((unit & HAS_LEAF) !== 0) return this.#placeIn(this.#trie[node]);
      }
    }
    return NONE;
  }

  #placeIn(leaf: number | undefined): number {
    if (leaf === undefined) return NONE;
    const place = leaf & MAX_VALUE;
    // Its end is no place of a string, but that of an empty one.
    if (place > this.#replacements.length) return NONE;
    return isContinuation(this.#replacements[place] ?? 0) ? NONE : place;
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >> 6);
}

export function utf8Length(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}

/** A byte of the UTF-8 of a character, after which `left` more follow. */
function byteOf(codePoint: number, left: number, isFirst: boolean): number {
  const bits = codePoint >> (6 * left);
  if (!isFirst) return 0x80 | (bits & 0x3f);
  return left === 0 ? bits : bits | ((0xff00 >> (left + 1)) & 0xff);
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function checkReplacements(bytes: Uint8Array, name: string): void {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw malformed(`${name} has replacements that are not UTF-8`, "UTF-8");
  }
  for (let start = 0; start < bytes.length; ) {
    const zero = bytes.indexOf(0, start);
    const end = zero === -1 ? bytes.length : zero;
    if (end - start > MAX_REPLACEMENT) {
      throw malformed(`${name} replaces a string by one of ${end - start} bytes`, `at most ${MAX_REPLACEMENT}`);
    }
    start = end + 1;
  }
}

function malformed(found: string, expected: string): CheckpointError {
  return new CheckpointError({ found, expected, advice: GET_AGAIN });
}
