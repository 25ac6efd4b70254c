/**
 * The library speaks of `maxQuestionLength`; who types a command knows it as `--max-question-length`.
 */
import { answerOptionNames } from "../answer/options.ts";

const names = new RegExp(`\\b(?:${answerOptionNames.join("|")})\\b`, "g");

/** A message of the library with its options as the command spells them. */
export function withFlagNames(message: string): string {
  return message.replace(names, (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
}
