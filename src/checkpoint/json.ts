/**
 * Parses JSON from untrusted files: one object, without duplicate keys at any level.
 *
 * `JSON.parse` keeps the last of two equal keys, other readers the first, so one file could mean two models. Published
 * validators bring a second parser; after `JSON.parse`, finding duplicates needs only strings and braces.
 *
 * Must stay true: no recursion and no backtracking regular expressions, for texts of any length and depth.
 */
import { isRecord } from "../arguments.ts";
import { CHECK_FILE_KIND, CheckpointError, GET_AGAIN } from "../errors.ts";
import { checkJsonSize, endOfString } from "../format/json-limits.ts";
import { describe, reasonOf } from "./describe.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Decodes UTF-8; a byte order mark is kept.
 * @param what the text's name, for errors.
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
 * @param what the text's name, for errors.
 * @throws CheckpointError if the text has a byte order mark, is not a JSON object, nests too deep, or repeats a key.
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

/** The first duplicate key of an object in valid JSON. */
function duplicateKey(json: string): string | undefined {
  const keysOfOpenObjects: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === "{") keysOfOpenObjects.push(new Set());
    else if (character === "}") keysOfOpenObjects.pop();
    else if (character === '"') {
      const end = endOfString(json, at);
      // Arrays have no keys, and objects inside them have their own set.
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

/** Decodes escapes, because `a` and `\u0061` are the same key. */
function decodeString(token: string): string {
  return token.includes("\\") ? String(JSON.parse(token)) : token.slice(1, -1);
}
