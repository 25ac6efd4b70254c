/**
 * The options that choose a model.
 */
import { Option } from "commander";

export interface ModelOptions {
  readonly model?: string;
  readonly revision?: string;
}

/** @param role a prefix for the help text, as `the original: `. */
export const modelOption = (role = ""): Option =>
  new Option("-m, --model <id|folder>", `${role}a Hugging Face id, a folder or a URL (default: the built-in model)`);

export const revisionOption = (): Option =>
  new Option("--revision <revision>", "branch, tag or commit of a model on the Hugging Face hub (default: main)");
