/**
 * JSON for printing and for files.
 *
 * Must stay true: a reader gets the same value, and a terminal that shows the text obeys nothing in it.
 */
import { escapeOf } from "./displayable.ts";

/** What `JSON.stringify` leaves as it is and a terminal would act upon. */
const commanding = /[\u007f-\u009f\p{Bidi_Control}\u2028\u2029]/gu;

export interface JsonOptions {
  readonly replacer?: (key: string, value: unknown) => unknown;
  /** Spaces to indent by; absent: all on one line. */
  readonly indent?: number;
}

/** As `JSON.stringify`, for values that JSON has; controls and codes that turn the direction of text as `\u009b`. */
export function jsonText(value: unknown, { replacer, indent }: JsonOptions = {}): string {
  return JSON.stringify(value, replacer, indent).replace(commanding, escapeOf);
}
