/** Where a browser finds a model: at a URL or on the hub. */
import type { ModelFiles } from "../../checkpoint/files.ts";
import { HttpFiles } from "../../checkpoint/http-files.ts";
import { InputError } from "../../errors.ts";
import { builtInModel, type ModelLocation } from "../model-location.ts";

/** @throws InputError if no model is named. */
export async function findModel({ model, revision }: ModelLocation): Promise<ModelFiles> {
  if (model === undefined || model === builtInModel) {
    throw new InputError({
      found: "no model is named",
      expected: "in a browser, the URL of a folder with a model's files, or the id of a model on the hub",
      advice: "The built-in model is in the package under models/builtin: serve that folder and give its URL.",
    });
  }
  if (isUrl(model)) return new HttpFiles(model);
  const { hubBaseUrl } = await import("../../checkpoint/hub/hub-url.ts");
  const files = new HttpFiles(hubBaseUrl({ repo: model, revision }));
  return { name: model, open: (path, options) => files.open(path, options) };
}

/**
 * Absolute, of any scheme (an extension's own files are at chrome-extension://…), or relative to the page (`./model/`,
 * `/model/`); everything else is a hub id.
 */
const isUrl = (model: string): boolean => /^([a-z][a-z\d+.-]*:|\.{0,2}\/)/i.test(model);
