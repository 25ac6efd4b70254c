/** Validates tokenizer files; every error names the file, the path in it, and what was expected. */
import * as v from "valibot";
import { CheckpointError, GET_AGAIN } from "../errors.ts";
import { isTokenId } from "./tokenizer-definition.ts";

export const tokenIdSchema = v.custom<number>(isTokenId, "Expected a token id: a whole number from 0 to 2147483647");

/** @throws CheckpointError if `value` does not match. */
export function validate<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  name: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? "the file";
  // For a missing entry, valibot's `expected` is its name.
  const missing = issue.received === "undefined";
  throw new CheckpointError({
    found: `${name}: ${path} is ${missing ? "missing" : issue.received}`,
    expected: missing ? "it to be there" : (issue.expected ?? issue.message.replace(/^Expected /, "")),
    advice: `Only a BERT tokenizer can be used. If it is one: ${GET_AGAIN.toLowerCase()}`,
  });
}
