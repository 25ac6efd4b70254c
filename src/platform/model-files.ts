/**
 * From what a caller names a model by to its files.
 */
import { platform } from "#platform";
import { checkString, describeArgument, isRecord } from "../arguments.ts";
import type { ModelFiles } from "../checkpoint/files.ts";
import { InputError } from "../errors.ts";

/**
 * @param model the built-in model when absent; else a folder (Node), a URL of a folder, a Hugging Face id, or files.
 * @param revision for a model on the hub: a branch, tag or commit.
 * @throws InputError if it is none of these, or cannot be a model's name.
 */
export async function modelFiles(
  model: string | ModelFiles | undefined,
  revision: string | undefined,
): Promise<ModelFiles> {
  checkString("revision", revision);
  if (isFiles(model)) return model;
  if (model === undefined || typeof model === "string") return platform.findModel({ model, revision });
  throw new InputError({
    found: `the model is ${describeArgument(model)}`,
    expected: "a folder, a URL, a Hugging Face id, files such as a MemoryFiles, or nothing for the built-in model",
  });
}

function isFiles(model: unknown): model is ModelFiles {
  return isRecord(model) && typeof model["open"] === "function" && typeof model["name"] === "string";
}
