/** The official formats: predictions `{ "question id": "answer" }`, and null odds `{ "question id": number }`. */
import { isRecord } from "../arguments.ts";
import { describe } from "../checkpoint/describe.ts";
import { InputError } from "../errors.ts";
import { jsonText } from "../format/json.ts";
import { parseJson } from "./squad.ts";

/** @throws InputError if it is not a JSON object of texts. */
export function parsePredictions(json: string, name: string): Map<string, string> {
  const isText = (value: unknown): value is string => typeof value === "string";
  return parseById(json, name, isText, "an answer as a text for every question id");
}

/** @throws InputError if it is not a JSON object of numbers. */
export function parseNullOdds(json: string, name: string): Map<string, number> {
  const isNumber = (value: unknown): value is number => Number.isFinite(value);
  return parseById(json, name, isNumber, "a number for every question id");
}

/** Indented as by the official scripts. */
export function formatById(values: ReadonlyMap<string, unknown>): string {
  return `${jsonText(Object.fromEntries(values), { indent: 4 })}\n`;
}

function parseById<T>(
  json: string,
  name: string,
  isValid: (value: unknown) => value is T,
  expected: string,
): Map<string, T> {
  const value = parseJson(json, name);
  if (!isRecord(value)) throw new InputError({ found: `${name} is ${describe(value)}`, expected });
  const byId = new Map<string, T>();
  for (const [id, item] of Object.entries(value)) {
    if (!isValid(item)) {
      throw new InputError({ found: `${name}: the value of ${describe(id)} is ${describe(item)}`, expected });
    }
    byId.set(id, item);
  }
  return byId;
}
