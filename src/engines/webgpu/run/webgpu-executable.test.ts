/**
 * Persistent kernels whose workgroups do not meet: the runs are run again on a program without, and nobody notices but by
 * the time.
 */
import { expect, test } from "vitest";
import type { EngineError } from "../../../errors.ts";
import type { CompiledProgram } from "./compiled-program.ts";
import { GridBarrierTimeout } from "./grid-barrier.ts";
import { WebGpuExecutable } from "./webgpu-executable.ts";

const device = { description: "made up", isSoftware: false };

class MadeUp {
  readonly isPersistent: boolean;
  readonly failure = undefined;
  runs = 0;
  isDisposed = false;

  constructor(isPersistent: boolean) {
    this.isPersistent = isPersistent;
  }

  async run(): Promise<ReadonlyMap<string, never>> {
    this.runs++;
    await new Promise((resolve) => setTimeout(resolve, this.runs));
    if (this.isDisposed) throw new Error("it was disposed of");
    if (this.isPersistent) throw new GridBarrierTimeout({ found: "they did not meet" });
    return new Map<string, never>();
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

test("runs whose workgroups did not meet are run again without persistent kernels", async () => {
  const [persistent, plain] = [new MadeUp(true), new MadeUp(false)];
  const failures: EngineError[] = [];
  const compile = async (failure: EngineError): Promise<CompiledProgram> => {
    failures.push(failure);
    return plain as unknown as CompiledProgram;
  };
  const executable = new WebGpuExecutable(persistent as unknown as CompiledProgram, device, compile, () => {});
  expect(executable.description).toBe("made up, persistent");
  const results = await Promise.all([1, 2, 3].map(() => executable.run(new Map())));
  expect(results).toHaveLength(3);
  expect(failures).toEqual([expect.any(GridBarrierTimeout)]);
  expect([persistent.runs, plain.runs]).toEqual([3, 3]);
  expect(executable.description).toBe("made up");
  await executable.dispose();
  expect([persistent.isDisposed, plain.isDisposed]).toEqual([true, true]);
});
