/**
 * A contestant in a child process, controlled from outside.
 *
 * Must stay true: `start` measures from the start of the process to its first answer, and jobs are measured by the clock of
 * the process; no process outlives the run.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { peersFolder } from "./prepare.ts";

export interface Question {
  readonly question: string;
  readonly context: string;
}

/** The jobs of a contestant (`contestants/`). */
export type Job =
  | { readonly method: "answer"; readonly args: readonly [question: string, context: string] }
  | { readonly method: "answerLong"; readonly args: readonly [question: string, text: LongText] }
  | { readonly method: "answerAll"; readonly args: readonly [questions: readonly Question[]] };

export interface LongText {
  readonly context: string;
  /** The same cut into overlapping pieces, for contestants without windows. */
  readonly pieces: readonly string[];
}

export interface Outcome {
  readonly ms: number;
  readonly answers: readonly string[];
  /** Peak resident memory of the process so far. */
  readonly peakBytes: number;
}

type Message = (Outcome & { readonly computedBy: string }) | { readonly error: string };

export class Contestant {
  readonly computedBy: string;
  /** From the start of the process to its first answer. */
  readonly first: Outcome;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, first: Outcome & { readonly computedBy: string }) {
    this.#process = process;
    this.first = first;
    this.computedBy = first.computedBy;
  }

  /** @throws Error with the message of a process that cannot answer. */
  static async start(name: string, modelFolder: string, { question, context }: Question): Promise<Contestant> {
    const began = performance.now();
    const child = fork(join(peersFolder, "contestant-process.mjs"), [name, modelFolder, question, context], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      execArgv: [],
    });
    try {
      const first = await nextMessage(child);
      return new Contestant(child, { ...first, ms: performance.now() - began });
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  async do(job: Job): Promise<Outcome> {
    this.#process.send(job);
    return nextMessage(this.#process);
  }

  stop(): void {
    this.#process.kill("SIGKILL");
  }
}

async function nextMessage(child: ChildProcess): Promise<Exclude<Message, { error: string }>> {
  const stop = new AbortController();
  const { signal } = stop;
  const died = once(child, "exit", { signal }).then(([code, by]) => ({ error: `it ended with ${code ?? by}` }));
  try {
    const message = await Promise.race([once(child, "message", { signal }).then(([value]) => value as Message), died]);
    if ("error" in message) throw new Error(message.error);
    return message;
  } finally {
    stop.abort();
    died.catch(() => undefined);
  }
}
