/**
 * The header of a .npy file: `\x93NUMPY`, a version, a length, and a Python dict literal such as
 * `{'descr': '<f2', 'fortran_order': False, 'shape': (1, 384, 768), }`.
 *
 * Must stay true: the file is untrusted: the literal is parsed by the grammar above, never evaluated, and every number is
 * checked before it is used.
 */
import { describe } from "../../checkpoint/describe.ts";
import { InputError } from "../../errors.ts";

export interface NpyHeader {
  /** The dtype as NumPy writes it: `<f2`, `|u1`. */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** The header's text is at `start` up to `end`, where the data begin. */
export interface NpyPreamble {
  readonly start: number;
  readonly end: number;
  readonly encoding: "latin1" | "utf-8";
}

/** Bytes of magic, version and length, which has 2 bytes in version 1 and 4 in later ones. */
export const preambleBytes = 12;

/** NumPy writes about a hundred bytes for an array of numbers. */
const maxHeaderBytes = 65_536;

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

export const npyAdvice = "Save it with numpy.save(file, array) or, better, with safetensors.";

/**
 * @param bytes the first `preambleBytes` of the file, or all if it has fewer.
 * @param size the file's size in bytes.
 * @param fileName the file's name in errors.
 */
export function parsePreamble(bytes: Uint8Array, size: number, fileName: string): NpyPreamble {
  if (bytes.length < 10 || magic.some((byte, index) => bytes[index] !== byte)) {
    throw wrong(`${fileName} does not begin as .npy files do`, "the six bytes \\x93NUMPY and a version");
  }
  const [major = 0, minor = 0] = bytes.subarray(6, 8);
  if (major < 1 || major > 3) throw wrong(`${fileName} is of .npy version ${major}.${minor}`, "1.0, 2.0 or 3.0");
  const start = major === 1 ? 10 : 12;
  if (size < start) throw wrong(`${fileName} has ${size} bytes`, `a header, which begins at byte ${start}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const max = Math.min(size - start, maxHeaderBytes);
  if (length > max) throw wrong(`${fileName} says that its header has ${length} bytes`, `at most ${max}`);
  return { start, end: start + length, encoding: major === 3 ? "utf-8" : "latin1" };
}

export function parseNpyHeader(text: string, fileName: string): NpyHeader {
  const what = `the header of ${fileName}`;
  const fields = new Map<string, unknown>();
  const literal = new Literal(text, what);
  literal.take("{");
  while (!literal.takes("}")) {
    const name = literal.string();
    if (fields.has(name)) throw wrong(`${what} has ${describe(name)} twice`, "each field once");
    literal.take(":");
    fields.set(name, literal.value());
    if (!literal.takes(",")) {
      literal.take("}");
      break;
    }
  }
  literal.finish();
  return checkFields(fields, what);
}

function checkFields(fields: ReadonlyMap<string, unknown>, what: string): NpyHeader {
  const descr = fields.get("descr");
  const fortranOrder = fields.get("fortran_order");
  const shape = fields.get("shape");
  if (typeof descr !== "string") throw wrongField(what, "descr", descr, "a string such as '<f2'");
  if (typeof fortranOrder !== "boolean") throw wrongField(what, "fortran_order", fortranOrder, "True or False");
  if (!Array.isArray(shape)) throw wrongField(what, "shape", shape, "a tuple of whole numbers");
  const other = [...fields.keys()].find((name) => !["descr", "fortran_order", "shape"].includes(name));
  if (other !== undefined) throw wrong(`${what} has ${describe(other)}`, "only descr, fortran_order and shape");
  return { descr, fortranOrder, shape: shape.map(Number) };
}

/** Parses a literal from left to right, ignoring white space between tokens. */
class Literal {
  readonly #text: string;
  readonly #what: string;
  #at = 0;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  /** Consumes one of the characters of `token` if it is next; "" matches the end. */
  takes(token: string): boolean {
    return this.#match(token === "" ? /$/y : new RegExp(`[${token}]`, "y")) !== undefined;
  }

  take(token: string): void {
    if (!this.takes(token)) throw this.#unexpected(`a ${token}`);
  }

  /** In single or double quotes, without escapes, which NumPy does not write. */
  string(): string {
    const quoted = this.#match(/'[^'\\\n]*'|"[^"\\\n]*"/y);
    if (quoted === undefined) throw this.#unexpected("a string");
    return quoted.slice(1, -1);
  }

  /** A string, True, False or a tuple of whole numbers. */
  value(): string | boolean | number[] {
    const flag = this.#match(/(True|False)\b/y);
    if (flag !== undefined) return flag === "True";
    if (this.takes("(")) return this.#tuple();
    if (this.#text[this.#at] === "[") {
      throw wrong(`${this.#what} describes a structured array`, "one number an element");
    }
    return this.string();
  }

  finish(): void {
    if (!this.takes("")) throw this.#unexpected("nothing more");
  }

  #tuple(): number[] {
    const items: number[] = [];
    while (!this.takes(")")) {
      // Python 2 writes long integers as 3L.
      const digits = this.#match(/(0|[1-9]\d{0,14})L?(?![\w.])/y);
      if (digits === undefined) throw this.#unexpected("a whole number of at least 0");
      items.push(Number.parseInt(digits, 10));
      if (!this.takes(",")) {
        // (3) is a number in Python, and (3,) the tuple.
        if (items.length === 1) throw this.#unexpected("a ,");
        this.take(")");
        break;
      }
    }
    return items;
  }

  #match(pattern: RegExp): string | undefined {
    this.#skipSpace();
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  #skipSpace(): void {
    while (" \t\n\r".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  #unexpected(expected: string): InputError {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    return wrong(`${this.#what} has ${rest === "" ? "nothing" : describe(rest)} at character ${this.#at}`, expected);
  }
}

function wrongField(what: string, field: string, value: unknown, expected: string): InputError {
  return wrong(value === undefined ? `${what} has no ${field}` : `${what}: ${field} is ${describe(value)}`, expected);
}

function wrong(found: string, expected: string): InputError {
  return new InputError({ found, expected, advice: npyAdvice });
}
