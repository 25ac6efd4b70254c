import { EngineError } from "../../errors.ts";

/** The WebGPU of a browser or worker. @param advice what to do without. @throws EngineError if there is none. */
export function findGpu(advice: string): GPU {
  const { gpu } = globalThis.navigator as { readonly gpu?: GPU };
  if (gpu !== undefined) return gpu;
  throw new EngineError({
    found: "this browser, or this page, has no WebGPU",
    expected: "navigator.gpu: a recent browser, and a page served by https or from localhost",
    advice,
  });
}
