import { describe, expect, test } from "vitest";
import { EngineError } from "../../errors.ts";
import { add, input } from "../../program/build.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { OnnxEngine, type OnnxRuntime } from "./onnx-engine.ts";

const x = input("x", ["batch"], "real");
const doubling = { outputs: new Map([["doubled", add(x, x)]]) };
const readNothing = () => Promise.reject(new Error("this program has no parameters"));

/** A fake ONNX Runtime whose sessions call `run`. */
function fakeRuntime(run: () => Promise<unknown>) {
  const log: unknown[] = [];
  const runtime = {
    Tensor: class {},
    InferenceSession: {
      async create(_: unknown, options: unknown) {
        log.push(options);
        return { run, release: async () => log.push("released") };
      },
    },
  };
  return { log, runtime: runtime as unknown as OnnxRuntime };
}

const inputs = new Map<string, Tensor>([["x", { dtype: "f32", shape: [2], data: Float32Array.of(1, 2) }]]);

describe("the ONNX engine", () => {
  test("passes on the number of threads, and logs errors only", async () => {
    const { log, runtime } = fakeRuntime(async () => ({}));
    await new OnnxEngine(runtime, { executionProvider: "cpu", threads: 3 }).compile(doubling, readNothing);
    await new OnnxEngine(runtime, { executionProvider: "wasm" }).compile(doubling, readNothing);
    expect(log[0]).toMatchObject({ intraOpNumThreads: 3, executionProviders: ["cpu"], logSeverityLevel: 3 });
    expect(log[1]).not.toHaveProperty("intraOpNumThreads");
  });

  test("reports a failure of the runtime, and keeps working", async () => {
    let failing = true;
    const { runtime } = fakeRuntime(async () => {
      if (failing) throw new Error("out of memory");
      return {};
    });
    const executable = await new OnnxEngine(runtime, { executionProvider: "cpu" }).compile(doubling, readNothing);
    await expect(executable.run(inputs)).rejects.toThrow(EngineError);
    await expect(executable.run(inputs)).rejects.toThrow(/ONNX Runtime failed: out of memory/);
    failing = false;
    await expect(executable.run(inputs)).resolves.toEqual(new Map());
  });

  test("an abort takes effect between runs of WebAssembly, which block the event loop", async () => {
    const { runtime } = fakeRuntime(async () => ({}));
    const executable = await new OnnxEngine(runtime, { executionProvider: "wasm" }).compile(doubling, readNothing);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")));
    const runs = async (): Promise<void> => {
      for (let run = 0; run < 10_000; run++) await executable.run(inputs, { signal: controller.signal });
    };
    await expect(runs()).rejects.toThrow("enough");
  });

  test("releases its session once, after the runs in progress, and rejects later ones", async () => {
    const { log, runtime } = fakeRuntime(async () => {
      log.push("run");
      return {};
    });
    const executable = await new OnnxEngine(runtime, { executionProvider: "cpu" }).compile(doubling, readNothing);
    const run = executable.run(inputs);
    await Promise.all([run, executable.dispose(), executable.dispose()]);
    expect(log.slice(1)).toEqual(["run", "released"]);
    await expect(executable.run(inputs)).rejects.toThrow("the model was disposed of");
  });
});
