/** Where Node finds a model: in the package, in a folder, at a URL, in the hub's cache or on the hub. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { ModelFiles } from "../../checkpoint/files.ts";
import { HttpFiles } from "../../checkpoint/http-files.ts";
import { FolderFiles } from "../../checkpoint/node/folder-files.ts";
import { InputError } from "../../errors.ts";
import { builtInModel, type ModelLocation } from "../model-location.ts";
import { packageRoot } from "./optional-package.ts";

/** @throws InputError for an invalid model name, CheckpointError for a folder without a model. */
export async function findModel({ model, revision }: ModelLocation): Promise<ModelFiles> {
  const name = model ?? builtInModel;
  if (!isHubId(name)) refuseRevision(name, revision);
  if (name === builtInModel) return builtInFiles();
  if (isUrl(name)) return new HttpFiles(name);
  if (!isHubId(name)) return new FolderFiles(expandHome(name));
  const { HubFiles } = await import("../../checkpoint/hub/hub-files.ts");
  return new HubFiles({ repo: name, revision });
}

function builtInFiles(): ModelFiles {
  const folder = new FolderFiles(join(packageRoot(), "models", "builtin"));
  return { name: builtInModel, open: (path) => folder.open(path) };
}

const isUrl = (name: string): boolean => /^https?:\/\//i.test(name);

/** Anything that looks like a path or exists as one is a path; everything else is a hub id. */
function isHubId(name: string): boolean {
  const looksLikePath = /^[./~]|\\|^[a-z]:/i.test(name);
  return name !== builtInModel && !isUrl(name) && !looksLikePath && !existsSync(name);
}

const expandHome = (path: string): string => path.replace(/^~(?=$|[/\\])/, () => homedir());

function refuseRevision(name: string, revision: string | undefined): void {
  if (revision === undefined) return;
  throw new InputError({
    found: `the revision ${JSON.stringify(revision)} is given for the model ${name}`,
    expected: "a revision only with a model on the hub",
    advice: "Leave the revision out, or name the model by its hub id.",
  });
}
