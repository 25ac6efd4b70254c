/** Formats values from a model's files for errors: quoted, cut, and without recursion, because files may nest deep. */
import { escapeControls } from "../format/displayable.ts";

const MAX_LENGTH = 80;

/** `"gelu_new"`, `[30522, 1024]`, `an object`. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return value.length <= 8 && value.every(isPrimitive) ? `[${value.join(", ")}]` : "an array";
  if (typeof value === "object" && value !== null) return "an object";
  // A long text is cut before it is escaped.
  const shown = typeof value === "string" ? value.slice(0, MAX_LENGTH + 1) : value;
  const text = escapeControls(JSON.stringify(shown) ?? "nothing");
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}…`;
}

/** Groups thousands, the same in every locale: `25,533,796`. */
export function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

/** The message of any thrown value, with that of its cause, where Node's `fetch` puts the reason. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== ""
    ? `${error.message}: ${error.cause.message}`
    : error.message;
}

function isPrimitive(value: unknown): boolean {
  return value === null || typeof value === "number" || typeof value === "boolean";
}
