/**
 * Replaces option names in the library's messages by flags: `maxQuestionLength` by `--max-question-length`.
 */
import { answerOptionNames } from "../answer/options.ts";

/** Names of several words only: `scoring` may be an ordinary word of the sentence. */
const compound = answerOptionNames.filter((name) => /[A-Z]/.test(name));
/** Excludes parts of paths, file names and ids. */
const names = new RegExp(`(?<![\\w/\\\\.@-])(?:${compound.join("|")})(?![\\w/\\\\@-]|\\.\\w)`, "g");

export function withFlagNames(message: string): string {
  return message.replace(names, (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
}
