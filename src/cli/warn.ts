/**
 * What a person should know although the command goes on: one line on standard error.
 */
import { tell } from "./output.ts";

const told = new Set<string>();

/**
 * Says something once, however often it comes up.
 * @param message a sentence without its full stop.
 */
export function warn(message: string): void {
  if (told.has(message)) return;
  told.add(message);
  tell(`warning: ${message}.`);
}
