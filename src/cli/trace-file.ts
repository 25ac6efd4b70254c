/**
 * `--trace`: writes the times of kernels and of the host's work to a file for chrome://tracing and Perfetto.
 *
 * Must stay true: the file is written however the command ends, with everything recorded until then; a path that cannot be
 * written is reported before anything is computed.
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
   * @returns undefined without a path.
   * @throws InputError if the file cannot be written, or the device has no kernels to trace.
   */
  static async open(path: string | undefined, device: string): Promise<TraceFile | undefined> {
    if (path === undefined) return undefined;
    if (device !== "webgpu") {
      throw new InputError({
        found: `--trace is given, and the device is ${device}`,
        expected: "--device webgpu, the only one with kernels to trace",
      });
    }
    const file = new TraceFile(path);
    await writeOut(path, file.#recorder.toJson({ fusebert: version }));
    return file;
  }

  /** The engine's options for recording. */
  get gpu(): GpuEngineOptions {
    return { onTrace: this.#recorder.onTrace };
  }

  /** Writes the trace, and reports on standard error what it lacks. */
  async save(): Promise<void> {
    await this.#saving.perform();
  }

  async #save(): Promise<void> {
    const { droppedRuns, lacksKernelTimes, runs } = this.#recorder;
    await writeOut(this.#path, this.#recorder.toJson({ fusebert: version }));
    if (lacksKernelTimes) tell("the trace has no times of kernels: this GPU has no timestamp-query.");
    if (droppedRuns > 0) tell(`the trace has the first ${runs} runs; ${droppedRuns} more did not fit.`);
  }
}
