/**
 * Reads the texts to search: files, standard input, the command line.
 *
 * Must stay true: bytes that are not UTF-8 are rejected with their offset, never replaced. Replacing them would shift every
 * offset and hide the content of the file.
 */
import { isUtf8 } from "node:buffer";
import { existsSync, statSync } from "node:fs";
import { InputError } from "../errors.ts";
import { maxTextLimit, type ReadOptions, readFileBytes, readStandardInputBytes } from "../files/read-bytes.ts";
import { prompt, warn } from "./output.ts";

export interface SourceText {
  /** A path, `stdin` or `text`. */
  readonly source: string;
  readonly text: string;
}

/**
 * Reads every text, in the order given. `-` and no text at all mean standard input.
 * @throws InputError if one is empty, too long or not text; the signal's reason.
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

/** Linux's PATH_MAX, in bytes. */
const longestPath = 4096;

/** Whether a text may be meant as the name of a file. */
function namesFile(text: string): boolean {
  return text.length < longestPath && !text.includes("\n") && existsSync(text) && statSync(text).isFile();
}

function describe(source: string): string {
  if (source === "stdin") return "standard input";
  return source === "text" ? "--text" : source;
}

async function readStandardInput(signal: AbortSignal): Promise<SourceText> {
  if (process.stdin.isTTY) prompt("Type or paste the text, then press Ctrl-D.");
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

/** Rejects binary data as soon as it is read, because its source may be endless. */
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

/** The first invalid byte, by binary search: a prefix of valid text is valid except for its last character. */
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
  // An incomplete character before it is the actual fault.
  let offset = valid;
  while (offset > 0 && !isUtf8(bytes.subarray(0, offset))) offset--;
  return [offset, bytes[offset] ?? 0];
}
