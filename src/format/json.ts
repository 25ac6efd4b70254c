/** JSON for terminals and files. Must stay true: it parses to the same value and has nothing a terminal interprets. */
import { escapeOf } from "./displayable.ts";

/** Characters that `JSON.stringify` does not escape and a terminal interprets. */
const controls = /[\u007f-\u009f\p{Bidi_Control}\u2028\u2029]/gu;

export interface JsonOptions {
  readonly replacer?: (key: string, value: unknown) => unknown;
  /** Spaces to indent by; absent: one line. */
  readonly indent?: number;
}

/** `JSON.stringify` of a JSON value, with controls and bidirectional controls escaped as `\u009b`. */
export function jsonText(value: unknown, { replacer, indent }: JsonOptions = {}): string {
  return JSON.stringify(value, replacer, indent).replace(controls, escapeOf);
}
