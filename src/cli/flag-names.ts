/**
 * The library speaks of `maxQuestionLength`; who types a command knows it as `--max-question-length`.
 */
import { answerOptionNames } from "../answer/options.ts";

/** Of one word, as `scoring`, they are words of a sentence, too. */
const compound = answerOptionNames.filter((name) => /[A-Z]/.test(name));
const names = new RegExp(`\\b(?:${compound.join("|")})\\b`, "g");

/** A message of the library with its options as the command spells them. */
export function withFlagNames(message: string): string {
  return message.replace(names, (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
}
