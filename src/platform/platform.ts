/**
 * What fusebert needs from where it runs, and Node and browsers have differently: a model's files and the engines.
 *
 * The package's import map (`#platform` in package.json) picks `node.ts` or `browser.ts`; nothing else in the library
 * imports what exists in only one of them.
 */
import type { ModelFiles } from "../checkpoint/files.ts";
import type { Engine } from "../engines/engine.ts";

/** Where to compute. `auto` is the fastest this machine has; `reference` is the slow float64 interpreter. */
export type Device = "auto" | "cpu" | "reference";

/** What the model in the package is called. */
export const builtInModel = "built-in";

export const devices: readonly Device[] = ["auto", "cpu", "reference"];

export interface ModelLocation {
  /** Absent: the built-in model. */
  readonly model: string | undefined;
  /** For a model on the hub: a branch, tag or commit. */
  readonly revision: string | undefined;
}

export interface EngineOptions {
  /** Threads for the CPU engine; absent: ONNX Runtime's own choice. */
  readonly threads: number | undefined;
  /** Browser only: where `onnxruntime-web`'s .wasm files are served, a URL ending in a slash. */
  readonly wasmPaths: string | undefined;
}

export interface Platform {
  /** @throws InputError for a name that cannot be a model, CheckpointError for a folder that is none. */
  findModel(location: ModelLocation): Promise<ModelFiles>;
  createEngine(device: Device, options: EngineOptions): Promise<Engine>;
}
