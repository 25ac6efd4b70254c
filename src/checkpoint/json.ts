/**
 * JSON from untrusted files: the text must be one object, and no object in it may hold a key twice.
 *
 * `JSON.parse` silently keeps the last of two equal keys where other readers keep the first, so one file could mean two
 * models. The search for duplicates is written here because the published validators bring a whole second parser: once
 * `JSON.parse` has accepted a text, strings and braces are all there is to look at.
 *
 * Must stay true: no recursion and no backtracking regular expressions, however long or deep the text is.
 */
import { isRecord } from "../arguments.ts";
import { CHECK_FILE_KIND, CheckpointError, GET_AGAIN } from "../errors.ts";
import { checkJsonSize, endOfString } from "../format/json-limits.ts";
import { describe, reasonOf } from "./describe.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Decodes UTF-8; a byte order mark stays in the text.
 * @param what names the text in an error.
 * @throws CheckpointError if the bytes are not UTF-8.
 */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CheckpointError({ found: `${what} is not UTF-8`, expected: "text in UTF-8", advice: GET_AGAIN, cause });
  }
}

/**
 * Parses a text that must be one JSON object.
 * @param what names the text in an error.
 * @throws CheckpointError if it starts with a byte order mark, is not JSON, not an object, too deep, or repeats a key.
 */
export function parseJsonObject(text: string, what: string): JsonObject {
  if (text.startsWith("\uFEFF")) {
    throw new CheckpointError({
      found: `${what} starts with a byte order mark`,
      expected: "JSON text in UTF-8 without one",
      advice: "Save it as UTF-8 without BOM.",
    });
  }
  checkJsonSize(text, { Fault: CheckpointError, name: what, advice: CHECK_FILE_KIND });
  const value = parse(text, what);
  if (!isRecord(value)) {
    throw new CheckpointError({ found: `${what} is ${describe(value)}`, expected: "a JSON object", advice: GET_AGAIN });
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) {
    throw new CheckpointError({
      found: `${what} has the key ${describe(twice)} twice in one object`,
      expected: "each key once, since readers disagree which of two counts",
      advice: GET_AGAIN,
    });
  }
  return value;
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const found = text.trim() === "" ? `${what} is empty` : `${what} is not JSON (${reasonOf(cause)})`;
    throw new CheckpointError({ found, expected: "a JSON object", advice: GET_AGAIN, cause });
  }
}

/** The first key that stands twice in one object of a text that is known to be JSON. */
function duplicateKey(json: string): string | undefined {
  const keysOfOpenObjects: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === "{") keysOfOpenObjects.push(new Set());
    else if (character === "}") keysOfOpenObjects.pop();
    else if (character === '"') {
      const end = endOfString(json, at);
      // Arrays need no stack of their own: they hold no keys, and an object inside one brings its own set.
      if (isKey(json, end)) {
        const keys = keysOfOpenObjects.at(-1);
        const key = decodeString(json.slice(at, end));
        if (keys?.has(key)) return key;
        keys?.add(key);
      }
      at = end - 1;
    }
  }
  return undefined;
}

function isKey(json: string, endOfToken: number): boolean {
  let at = endOfToken;
  while (json[at] === " " || json[at] === "\n" || json[at] === "\r" || json[at] === "\t") at++;
  return json[at] === ":";
}

/** A string token's text. Two spellings of one key, `a` and `\u0061`, are one key. */
function decodeString(token: string): string {
  return token.includes("\\") ? String(JSON.parse(token)) : token.slice(1, -1);
}
