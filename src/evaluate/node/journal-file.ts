/**
 * The journal of an evaluation as a file that only grows.
 *
 * Must stay true: what `append` was given is with the operating system when it resolves, so that it outlives the process.
 */
import { type FileHandle, open, rm } from "node:fs/promises";
import { InputError, messageOf } from "../../errors.ts";
import { formatLine, type JournalHead, readJournal } from "../journal.ts";
import type { QuestionPrediction } from "../predict.ts";

export class JournalFile {
  readonly path: string;
  /** What an earlier run predicted. */
  readonly earlier: readonly QuestionPrediction[];
  readonly #file: FileHandle;

  private constructor(path: string, earlier: readonly QuestionPrediction[], file: FileHandle) {
    this.path = path;
    this.earlier = earlier;
    this.#file = file;
  }

  /**
   * Begins a journal, or goes on with the one that is there.
   * @throws InputError if it was begun for something else, is damaged, or the file cannot be written.
   */
  static async open(path: string, head: JournalHead): Promise<JournalFile> {
    const file = await openFile(path);
    try {
      const bytes = await file.readFile();
      const earlier = readJournal(bytes.toString("utf8"), head, path);
      const wholeLines = bytes.lastIndexOf("\n") + 1;
      await file.truncate(wholeLines);
      if (wholeLines === 0) await file.appendFile(formatLine(head));
      return new JournalFile(path, earlier, file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async append(predictions: readonly QuestionPrediction[]): Promise<void> {
    await this.#file.appendFile(predictions.map(formatLine).join(""));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Once its predictions are where they belong. */
  async remove(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "a+");
  } catch (cause) {
    throw new InputError({
      found: `${path} cannot be written (${messageOf(cause)})`,
      expected: "a path in a folder that exists",
      cause,
    });
  }
}
