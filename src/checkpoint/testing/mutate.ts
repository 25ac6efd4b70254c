/** For tests: seeded random mutations of a file's bytes, of the kinds that find bugs in parsers. */

/** Tokens with a meaning to JSON parsers and safetensors readers. */
const TOKENS = [
  "-1", "-0", "0", "1e9", "1e400", "9007199254740993", "18446744073709551616", "1.5", "null", "true", "{}", "[]", '""',
  "[", "]", "{", "}", ",", ":", '"', "\\", "\u0000", "\uFEFF", '"__proto__":', '"dtype":"F16",', '"shape":[],', "F8_E5M2",
].map((token) => new TextEncoder().encode(token)); // biome-ignore format: a list of words

/** A copy with one to four edits in the first `within` bytes, or cut or lengthened. */
export function mutate(original: Uint8Array, within: number, random: () => number): Uint8Array {
  const below = (limit: number) => Math.floor(random() * limit);
  let bytes = original;
  for (let edits = 1 + below(4); edits > 0; edits--) {
    const at = below(Math.min(within, bytes.length) + 1);
    const length = below(12);
    const token = TOKENS[below(TOKENS.length)] ?? new Uint8Array();
    switch (below(6)) {
      case 0:
        bytes = splice(bytes, at, 1, Uint8Array.of(below(256)));
        break;
      case 1:
        bytes = splice(bytes, at, length, new Uint8Array());
        break;
      case 2:
        bytes = splice(bytes, at, 0, token);
        break;
      case 3:
        bytes = splice(bytes, at, token.length, token);
        break;
      case 4:
        bytes = splice(bytes, at, 0, bytes.subarray(at, at + length * 8));
        break;
      default:
        bytes = below(4) === 0 ? bytes.subarray(0, below(bytes.length + 1)) : splice(bytes, at, 1, digit(below(10)));
    }
  }
  return bytes;
}

function digit(value: number): Uint8Array {
  return Uint8Array.of(0x30 + value);
}

/** A copy in which `removed` bytes at `at` are replaced by `inserted`. */
export function splice(bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array {
  const rest = bytes.subarray(at + removed);
  const result = new Uint8Array(at + inserted.length + rest.length);
  result.set(bytes.subarray(0, at));
  result.set(inserted, at);
  result.set(rest, at + inserted.length);
  return result;
}
