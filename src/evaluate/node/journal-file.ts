/**
 * The journal of an evaluation as a file that only grows.
 *
 * Must stay true: what `append` was given is with the operating system when it resolves, so that it outlives the process;
 * one process at a time writes it.
 */
import { existsSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { FusebertError } from "../../errors.ts";
import { LockFile } from "../../files/lock-file.ts";
import { maxTextLimit, readFileBytes } from "../../files/read-bytes.ts";
import { writeFailure } from "../../files/write-failure.ts";
import { type Contexts, formatLine, type JournalHead, readJournal } from "../journal.ts";
import type { QuestionPrediction } from "../predict.ts";

export class JournalFile {
  readonly path: string;
  /** What an earlier run predicted. */
  readonly earlier: readonly QuestionPrediction[];
  readonly #file: FileHandle;
  readonly #lock: LockFile;

  private constructor(path: string, earlier: readonly QuestionPrediction[], file: FileHandle, lock: LockFile) {
    this.path = path;
    this.earlier = earlier;
    this.#file = file;
    this.#lock = lock;
  }

  /**
   * Begins a journal, or goes on with the one that is there.
   * @param contexts of the data set's questions.
   * @throws InputError if it was begun for something else, is damaged, is being written by another process, or the file
   * cannot be written; WriteError if the disk is full.
   */
  static async open(path: string, head: JournalHead, contexts: Contexts): Promise<JournalFile> {
    return orFailure(path, async () => {
      const lock = await LockFile.take(`${path}.lock`, path);
      try {
        const bytes = await readBytes(path);
        const earlier = readJournal(bytes.toString("utf8"), head, path, contexts);
        const file = await open(path, "a+");
        try {
          const wholeLines = bytes.lastIndexOf("\n") + 1;
          await file.truncate(wholeLines);
          if (wholeLines === 0) await file.appendFile(formatLine(head));
          return new JournalFile(path, earlier, file, lock);
        } catch (error) {
          await file.close();
          throw error;
        }
      } catch (error) {
        await lock.release();
        throw error;
      }
    });
  }

  /** @throws WriteError if there is no more room; all that was appended before is kept. */
  async append(prediction: QuestionPrediction): Promise<void> {
    await orFailure(this.path, () => this.#file.appendFile(formatLine(prediction)));
  }

  async close(): Promise<void> {
    try {
      await this.#file.close();
    } finally {
      await this.#lock.release();
    }
  }

  /** Once its predictions are where they belong. */
  async remove(): Promise<void> {
    try {
      await this.#file.close();
      await rm(this.path, { force: true });
    } finally {
      await this.#lock.release();
    }
  }
}

async function readBytes(path: string): Promise<Buffer> {
  if (!existsSync(path)) return Buffer.alloc(0);
  return readFileBytes(path, {
    limit: maxTextLimit,
    expected: "the journal of an evaluation, or nothing",
    ordinaryOnly: true,
    adviceIfOther: "Move it elsewhere, or name another file for the result.",
  });
}

async function orFailure<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FusebertError) throw cause;
    throw writeFailure(path, cause, {
      expected: "a path in a folder that exists",
      kept: "What was written before is kept: make room, and the same command goes on from there.",
    });
  }
}
