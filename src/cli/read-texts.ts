/**
 * Reads the texts a question is asked of: files, standard input, the command line.
 *
 * Must stay true: a text is taken only if it is text. Bytes that are not UTF-8 would shift every offset and hide what the
 * file says, so they are refused with the place where they stand, never replaced.
 */
import { isUtf8 } from "node:buffer";
import { existsSync, statSync } from "node:fs";
import { InputError } from "../errors.ts";
import { maxTextLimit, type ReadOptions, readFileBytes, readStandardInputBytes } from "../files/read-bytes.ts";
import { ask } from "./output.ts";
import { warn } from "./warn.ts";

export interface SourceText {
  /** As a person knows it: a path, `stdin` or `text`. */
  readonly source: string;
  readonly text: string;
}

/**
 * Reads every text, in the order given. `-` and no text at all mean standard input.
 * @throws InputError for what is no text, or too long for one; the signal's reason.
 */
export async function readTexts(
  paths: readonly string[],
  text: string | undefined,
  signal: AbortSignal,
): Promise<SourceText[]> {
  if (paths.filter((path) => path === "-").length > 1) {
    throw new InputError({ found: "standard input is named twice", expected: "- once, as it can be read only once" });
  }
  const texts: SourceText[] = [];
  for (const path of paths.length === 0 && text === undefined ? ["-"] : paths) {
    texts.push(path === "-" ? await readStandardInput(signal) : await readTextFile(path, signal));
  }
  if (text !== undefined) {
    if (namesFile(text)) warn(`--text is the text itself, and a file of that name exists: --context ${text} reads it`);
    texts.push({ source: "text", text });
  }
  for (const { source, text: content } of texts) {
    if (content.trim() === "") {
      throw new InputError({ found: `${describe(source)} is empty`, expected: "a text that may hold the answer" });
    }
  }
  return texts;
}

/** The longest path that Linux takes, in bytes; most have far less. */
const longestPath = 4096;

/** Whether a text may have been meant as the name of a file. */
function namesFile(text: string): boolean {
  return text.length < longestPath && !text.includes("\n") && existsSync(text) && statSync(text).isFile();
}

function describe(source: string): string {
  if (source === "stdin") return "standard input";
  return source === "text" ? "--text" : source;
}

async function readStandardInput(signal: AbortSignal): Promise<SourceText> {
  if (process.stdin.isTTY) ask("Type or paste the text, then press Ctrl-D.");
  const bytes = await readStandardInputBytes(optionsFor("standard input", signal));
  return { source: "stdin", text: decode(bytes, "standard input") };
}

async function readTextFile(path: string, signal: AbortSignal): Promise<SourceText> {
  return { source: path, text: decode(await readFileBytes(path, optionsFor(path, signal)), path) };
}

const optionsFor = (source: string, signal: AbortSignal): ReadOptions => ({
  limit: { ...maxTextLimit, advice: "Split it, and give the pieces as several --context." },
  expected: "a text file",
  adviceIfMissing: "To give the text itself, use --text.",
  signal,
  inspect: (piece, offset) => checkPiece(piece, offset, source),
});

/** What no text has is refused as soon as it comes: what goes on without end seldom is text. */
function checkPiece(piece: Buffer, offset: number, source: string): void {
  const isUtf16 = (piece[0] === 0xff && piece[1] === 0xfe) || (piece[0] === 0xfe && piece[1] === 0xff);
  if (offset === 0 && isUtf16) throw notText(`${source} is UTF-16`, `iconv -f UTF-16 -t UTF-8`);
  const nul = piece.indexOf(0);
  if (nul >= 0) throw notText(`${source} has a NUL byte at offset ${offset + nul}, as binary files do`);
}

/** A byte order mark stays, so that offsets count what the file holds. */
function decode(bytes: Buffer, source: string): string {
  if (!isUtf8(bytes)) {
    const [offset, byte] = firstInvalid(bytes);
    const hex = byte.toString(16).padStart(2, "0");
    throw notText(`${source} is not UTF-8: byte 0x${hex} at offset ${offset}`, `iconv -f LATIN1 -t UTF-8`);
  }
  return bytes.toString("utf8");
}

function notText(found: string, command?: string): InputError {
  const convert =
    command === undefined ? "" : ` If it is text in another encoding, convert it: ${command} < old > new.`;
  return new InputError({
    found,
    expected: "text in UTF-8",
    advice: `Extract the text from other formats first.${convert}`,
  });
}

/** The character that cannot be: found by halving, since the start of valid text is valid but for its last character. */
function firstInvalid(bytes: Buffer): readonly [offset: number, byte: number] {
  const startsValid = (length: number): boolean => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  let [valid, invalid] = [0, bytes.length];
  while (invalid - valid > 1) {
    const middle = Math.floor((valid + invalid) / 2);
    if (startsValid(middle)) valid = middle;
    else invalid = middle;
  }
  // The bytes just before may have promised a longer character than came: that is where it went wrong.
  let offset = valid;
  while (offset > 0 && !isUtf8(bytes.subarray(0, offset))) offset--;
  return [offset, bytes[offset] ?? 0];
}
