/**
 * The options by which a command is told its model.
 */
import { Option } from "commander";

export interface ModelOptions {
  readonly model?: string;
  readonly revision?: string;
}

/** @param role what the model is to the command, if not simply the model: `the original: `. */
export const modelOption = (role = ""): Option =>
  new Option("-m, --model <id|folder>", `${role}a Hugging Face id, a folder or a URL (default: the built-in model)`);

export const revisionOption = (): Option =>
  new Option("--revision <revision>", "branch, tag or commit of a model on the Hugging Face hub (default: main)");
