/**
 * A software adapter (SwiftShader) for tests in Node: the same on every machine, also on one with a GPU.
 *
 *     test.skipIf(softwareGpuMissing !== undefined)("…", async () => {
 *       const gpu = await loadDawn();
 *       const adapter = await gpu.requestAdapter(); // SwiftShader
 *       …
 *     });
 *
 * Dawn finds GPUs through Vulkan's loader, and the loader finds them through the environment, which the dynamic linker
 * reads when a process starts. So Vitest's own process sets it (`globalSetup` in vitest.config.ts) before it starts
 * the processes that tests run in; what those start in turn inherits it.
 *
 * Must stay true: no test computes on the machine's own GPU. The lists of drivers given here replace the system's.
 */
import { join } from "node:path";
import { missingHere, unpackChromium } from "./unpack-chromium.ts";

/** Why there is no software GPU, to skip tests; `undefined` if there is one. */
export const softwareGpuMissing: string | undefined = missingHere("the software GPU for tests");

/** The environment in which Dawn finds only SwiftShader. */
export async function softwareGpuEnvironment(): Promise<Readonly<Record<string, string>>> {
  if (softwareGpuMissing !== undefined) throw new Error(softwareGpuMissing);
  const folder = await unpackChromium();
  const driver = join(folder, "vk_swiftshader_icd.json");
  const libraries = process.env["LD_LIBRARY_PATH"];
  return {
    // The newer name wins where both are set, and a person may have set it.
    VK_DRIVER_FILES: driver,
    VK_ICD_FILENAMES: driver,
    // Vulkan's loader itself is there, too; SwiftShader needs nothing that Node does not need.
    LD_LIBRARY_PATH: libraries ? `${folder}:${libraries}` : folder,
  };
}

export async function setup(): Promise<void> {
  if (softwareGpuMissing === undefined) Object.assign(process.env, await softwareGpuEnvironment());
}
