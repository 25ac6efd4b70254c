/** The library's entry point: a model that is loaded on any device. */
import { platform } from "#platform";
import { Answerer } from "./answerer.ts";
import type { ModelFiles } from "./checkpoint/files.ts";
import { LoadedModel, type LoadOptions } from "./loaded-model.ts";

export class QuestionAnswerer extends Answerer {
  /**
   * Loads a model.
   * @param model a folder (Node), a URL of a folder, a Hugging Face id, or files; default: the built-in model.
   * @throws InputError, CheckpointError, DownloadError or EngineError, after closing what was opened.
   * @example
   * ```ts
   * await using answerer = await QuestionAnswerer.load();
   * const { answers } = await answerer.answer({ question: "Who wrote it?", context: "Mary Shelley wrote it." });
   * ```
   */
  static async load(model?: string | ModelFiles, options: LoadOptions = {}): Promise<QuestionAnswerer> {
    return new QuestionAnswerer(await LoadedModel.load(platform, model, options));
  }
}
