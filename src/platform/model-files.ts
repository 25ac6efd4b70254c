import { findModel } from "#find-model";
import { checkString, describeArgument, isRecord } from "../arguments.ts";
import type { ModelFiles } from "../checkpoint/files.ts";
import { InputError } from "../errors.ts";

/**
 * Resolves a caller's `model` argument to files.
 * @param model a folder (Node), a URL of a folder, a Hugging Face id, or files; default: the built-in model.
 * @param revision for a model on the hub: a branch, tag or commit.
 * @throws InputError if `model` is none of these.
 */
export async function modelFiles(
  model: string | ModelFiles | undefined,
  revision: string | undefined,
): Promise<ModelFiles> {
  checkString("revision", revision);
  if (isFiles(model)) return model;
  if (model === undefined || typeof model === "string") return findModel({ model, revision });
  throw new InputError({
    found: `the model is ${describeArgument(model)}`,
    expected: "a folder, a URL, a Hugging Face id, files such as a MemoryFiles, or nothing for the built-in model",
  });
}

function isFiles(model: unknown): model is ModelFiles {
  return isRecord(model) && typeof model["open"] === "function" && typeof model["name"] === "string";
}
