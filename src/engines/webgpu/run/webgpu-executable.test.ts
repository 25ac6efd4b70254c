/** When a grid barrier times out, the runs are repeated without persistent kernels, and callers see no error. */
import { expect, test } from "vitest";
import type { EngineError } from "../../../errors.ts";
import type { CompiledProgram } from "./compiled-program.ts";
import { GridBarrierTimeout } from "./grid-barrier.ts";
import { WebGpuExecutable } from "./webgpu-executable.ts";

const device = { description: "fake", isSoftware: false };

class FakeProgram {
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
    if (this.isPersistent) throw new GridBarrierTimeout({ found: "a barrier timed out" });
    return new Map<string, never>();
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

test("runs whose grid barrier timed out are repeated without persistent kernels", async () => {
  const [persistent, plain] = [new FakeProgram(true), new FakeProgram(false)];
  const failures: EngineError[] = [];
  const compile = async (failure: EngineError): Promise<CompiledProgram> => {
    failures.push(failure);
    return plain as unknown as CompiledProgram;
  };
  const executable = new WebGpuExecutable(persistent as unknown as CompiledProgram, device, compile, () => {});
  expect(executable.description).toBe("fake, persistent");
  const results = await Promise.all([1, 2, 3].map(() => executable.run(new Map())));
  expect(results).toHaveLength(3);
  expect(failures).toEqual([expect.any(GridBarrierTimeout)]);
  expect([persistent.runs, plain.runs]).toEqual([3, 3]);
  expect(executable.description).toBe("fake");
  await executable.dispose();
  expect([persistent.isDisposed, plain.isDisposed]).toEqual([true, true]);
});
