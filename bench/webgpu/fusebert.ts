/**
 * fusebert's side: the program compiled by the WebGPU engine with random weights, without the self-test, because
 * `webgpu-proof` checks the results.
 */

import type { WebGpuOptions } from "../../src/engines/webgpu/run/options.ts";
import { WebGpuEngine } from "../../src/engines/webgpu/webgpu-engine.ts";
import { loadDawn } from "../../src/platform/dawn.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { batchOf, randomParameters } from "./random-bert.ts";
import { programOf, type Setup, type Work } from "./setup.ts";

export interface FusebertOptions extends WebGpuOptions {
  readonly precision: NonNullable<Exclude<WebGpuOptions["precision"], "auto">>;
  /** Disables Dawn's validation and bounds checks. */
  readonly trusted: boolean;
}

export interface Fusebert {
  run(inputs: ReadonlyMap<string, Tensor>): Promise<unknown>;
  dispose(): Promise<void>;
}

export async function compileBert(setup: Setup, { trusted, ...options }: FusebertOptions): Promise<Fusebert> {
  const engine = new WebGpuEngine(await loadDawn({ trusted }), { skipSelfTest: true, ...options });
  try {
    const read = randomParameters(setup.config, options.precision !== "f32");
    const executable = await engine.compile(programOf(setup), read);
    if (options.persistent && !executable.description.endsWith("persistent")) {
      throw new Error("persistent kernels failed the self-test on this device");
    }
    return {
      run: (inputs) => executable.run(inputs),
      dispose: async () => {
        await executable.dispose();
        await engine.dispose();
      },
    };
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

/** A batch without padding. */
export function inputsOf({ config }: Setup, [batch, sequence]: Work): Map<string, Tensor> {
  return batchOf(config, new Array<number>(batch).fill(sequence));
}
