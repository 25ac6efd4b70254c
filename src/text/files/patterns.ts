/** Patterns in tokenizer.json: `{ "String": "…" }` or `{ "Regex": "…" }`. */
import * as v from "valibot";
import { CheckpointError } from "../../errors.ts";
import { literalPattern } from "../regex.ts";
import { PatternError, translatePattern } from "../translate-pattern.ts";
import { type Place, validate } from "./validate.ts";

const patternSchema = v.union([v.strictObject({ String: v.string() }), v.strictObject({ Regex: v.string() })]);
/** The longest known, of chat models, have some 300 characters. */
const MAX_PATTERN = 2_000;

export interface ReadPattern {
  /** Global. */
  readonly regex: RegExp;
  /** As it stands in the file. */
  readonly written: string;
}

/** @throws CheckpointError if it is malformed, or says something that cannot be translated. */
export function readPattern(value: unknown, { name, path }: Place): ReadPattern {
  const pattern = validate(patternSchema, value, name, path);
  const written = "String" in pattern ? pattern.String : pattern.Regex;
  const refuse = (reason: string): CheckpointError => {
    const shown = written.length > 80 ? `${written.slice(0, 80)}…` : written;
    return new CheckpointError({
      found: `${name}: ${path} is ${JSON.stringify(shown)}, with ${reason}`,
      expected: "a pattern that JavaScript can match",
      advice: "Use a checkpoint whose tokenizer.json has a simpler pattern.",
    });
  };
  if (written.length > MAX_PATTERN) throw refuse(`${written.length} characters`);
  if ("String" in pattern) {
    if (written === "") throw refuse("nothing to match");
    return { regex: literalPattern(written), written };
  }
  try {
    return { regex: translatePattern(written), written };
  } catch (error) {
    if (error instanceof PatternError) throw refuse(error.message);
    throw error;
  }
}
