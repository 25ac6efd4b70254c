/** Validates tokenizer files; every error names the file, the path in it, and what was expected. */
import * as v from "valibot";
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { isTokenId } from "../tokenizer-definition.ts";

export const tokenIdSchema = v.custom<number>(isTokenId, "Expected a token id: a whole number from 0 to 2147483647");

/** A value of a file, and where it stands, for errors. */
export interface Place {
  /** Of the file. */
  readonly name: string;
  /** In the file: `normalizer.normalizers[2]`; empty for all of it. */
  readonly path: string;
}

/** @throws CheckpointError if `value` does not match. */
export function validate<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  name: string,
  at = "",
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = [at, v.getDotPath(issue) ?? ""].filter((part) => part !== "").join(".");
  // For a missing entry, valibot's `expected` is its name.
  const missing = issue.received === "undefined";
  throw new CheckpointError({
    found: `${name}: ${path === "" ? "the file" : path} is ${missing ? "missing" : issue.received}`,
    expected: missing ? "it to be there" : expectedBy(issue),
    advice: GET_AGAIN,
  });
}

/** What a schema's own message says, if it has one; else valibot's words for it. */
function expectedBy({ message, expected }: v.BaseIssue<unknown>): string {
  return message.startsWith("Expected ") || expected === null ? message.replace(/^Expected /, "") : expected;
}

const typedSchema = v.looseObject({ type: v.string() });

/** How each kind of a component is read, by its `type`. */
export type Readers<T> = Readonly<Record<string, (value: unknown, place: Place) => T>>;

/**
 * Reads a component by its `type`.
 * @throws CheckpointError if there is no such kind, or the component is malformed.
 */
export function readByType<T>(readers: Readers<T>, value: unknown, place: Place): T {
  const { type } = validate(typedSchema, value, place.name, place.path);
  const read = Object.hasOwn(readers, type) ? readers[type] : undefined;
  if (read !== undefined) return read(value, place);
  throw new CheckpointError({
    found: `${place.name}: ${place.path}.type is ${JSON.stringify(type)}`,
    expected: `one of ${Object.keys(readers).join(", ")}`,
    advice: "Use a checkpoint whose tokenizer.json has none but these, or write it anew with another tokenizer class.",
  });
}

/** The place of an entry. */
export function inside({ name, path }: Place, entry: string): Place {
  return { name, path: path === "" ? entry : `${path}.${entry}` };
}
