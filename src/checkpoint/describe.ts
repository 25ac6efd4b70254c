/**
 * How values from a model's files appear in error messages: quoted, cut short, and never by recursion, because a
 * hostile file may nest deeper than the stack.
 */
import { escapeControls } from "../format/displayable.ts";

const LONGEST = 80;

/** A value as a message shows it: `"gelu_new"`, `[30522, 1024]`, `an object`. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return value.length <= 8 && value.every(isPrimitive) ? `[${value.join(", ")}]` : "an array";
  if (typeof value === "object" && value !== null) return "an object";
  // What is far too long is not looked through.
  const shown = typeof value === "string" ? value.slice(0, LONGEST + 1) : value;
  const text = escapeControls(JSON.stringify(shown) ?? "nothing");
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}

/** A whole number with its thousands marked, the same in every locale: `25,533,796`. */
export function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

/** The message of whatever was thrown, with the reason that Node's `fetch` hides in its cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== ""
    ? `${error.message}: ${error.cause.message}`
    : error.message;
}

function isPrimitive(value: unknown): boolean {
  return value === null || typeof value === "number" || typeof value === "boolean";
}
