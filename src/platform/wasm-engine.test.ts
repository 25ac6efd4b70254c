import { beforeEach, expect, test, vi } from "vitest";
import type { EngineOptions } from "./platform.ts";

const options: EngineOptions = { threads: undefined, wasmPaths: undefined, gpu: undefined };

/** The settings of ONNX Runtime, and a fresh module: both belong to a process. */
async function freshProcess() {
  vi.resetModules();
  const { wasmEngine } = await import("./wasm-engine.ts");
  const wasm: { numThreads?: number; wasmPaths?: string } = {};
  return { wasm, create: (more: object) => wasmEngine({ env: { wasm } } as never, { ...options, ...more }) };
}

let runtime: Awaited<ReturnType<typeof freshProcess>>;
beforeEach(async () => {
  runtime = await freshProcess();
});

test("the first model decides on the threads, and another number is named as ignored", () => {
  expect(runtime.create({ threads: 3 }).warnings).toEqual([]);
  expect(runtime.wasm.numThreads).toBe(3);
  expect(runtime.create({ threads: 3 }).warnings).toEqual([]);
  expect(runtime.create({}).warnings).toEqual([]);
  expect(runtime.create({ threads: 2, warnings: ["slow"] }).warnings).toEqual([
    "slow",
    "threads is 2, which is ignored: all models on WebAssembly share the threads of the first, 3",
  ]);
  expect(runtime.wasm.numThreads).toBe(3);
});

test("without a number the default applies: the platform's, or ONNX Runtime's own", async () => {
  expect(runtime.create({ defaultThreads: 8 }).warnings).toEqual([]);
  expect(runtime.wasm.numThreads).toBe(8);
  const browser = await freshProcess();
  browser.create({ wasmPaths: "/runtime/" });
  expect(browser.wasm).toEqual({ wasmPaths: "/runtime/" });
  expect(browser.create({ threads: 4 }).warnings).toEqual([expect.stringMatching(/of the first, the default$/)]);
});
