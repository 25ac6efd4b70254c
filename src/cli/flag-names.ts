/**
 * The library speaks of `maxQuestionLength`; who types a command knows it as `--max-question-length`.
 */
import { answerOptionNames } from "../answer/options.ts";

/** Names of one word, as `scoring`, are words of a sentence, too. */
const compound = answerOptionNames.filter((name) => /[A-Z]/.test(name));
/** Not as parts of paths, file names and ids. */
const names = new RegExp(`(?<![\\w/\\\\.@-])(?:${compound.join("|")})(?![\\w/\\\\@-]|\\.\\w)`, "g");

/** A message of the library with its options as the command spells them. */
export function withFlagNames(message: string): string {
  return message.replace(names, (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
}
