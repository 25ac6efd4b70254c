/** fusebert as it is installed alone: on the CPU through WebAssembly. */
import { load as loadOn } from "./fusebert.mjs";

export const load = (folder) => loadOn(folder, "wasm");
