/**
 * `--trace`: what the GPU and the host did, for chrome://tracing and Perfetto, in a file.
 *
 * Must stay true: the file is written however the command ends, with what was recorded until then; one that cannot be
 * written is found out before anything is computed.
 */

import { TraceRecorder } from "../engines/webgpu/trace/trace-recorder.ts";
import { InputError } from "../errors.ts";
import type { GpuEngineOptions } from "../platform/platform.ts";
import { version } from "../version.ts";
import { beforeExit } from "./interruption.ts";
import { tell } from "./output.ts";
import { writeOut } from "./write-out.ts";

export class TraceFile {
  readonly #path: string;
  readonly #recorder = new TraceRecorder();
  readonly #saving = beforeExit(() => this.#save());

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * @returns nothing where no trace is wanted.
   * @throws InputError if the file cannot be written, or the device is one that has no kernels to trace.
   */
  static async open(path: string | undefined, device: string): Promise<TraceFile | undefined> {
    if (path === undefined) return undefined;
    if (device !== "webgpu") {
      throw new InputError({
        found: `--trace is given, and the device is ${device}`,
        expected: "--device webgpu, which alone has kernels to trace",
      });
    }
    const file = new TraceFile(path);
    await writeOut(path, file.#recorder.toJson({ fusebert: version }));
    return file;
  }

  /** What the engine has to be told. */
  get gpu(): GpuEngineOptions {
    return { onTrace: this.#recorder.onTrace };
  }

  /** Writes what was recorded, and says on standard error what is not in it. */
  async save(): Promise<void> {
    await this.#saving.perform();
  }

  async #save(): Promise<void> {
    const { droppedRuns, lacksKernelTimes, runs } = this.#recorder;
    await writeOut(this.#path, this.#recorder.toJson({ fusebert: version }));
    if (lacksKernelTimes) say("the trace has no times of kernels: this GPU does not give them (no timestamp-query)");
    if (droppedRuns > 0) say(`the trace has the first ${runs} runs; ${droppedRuns} more did not fit`);
  }
}

const say = (line: string): void => tell(`${line}.`);
