/**
 * WebGPU in Node: Dawn, the implementation in Chromium, from the package `webgpu`.
 *
 * Two things of Dawn 0.6 shape this module; test/dawn.test.ts watches over them.
 *
 * What `create` returns must outlive all that comes from it. If it is collected as garbage while an adapter, a device
 * or a buffer lives, the process dies (SIGABRT or SIGSEGV) without an error, so it is held here for good.
 *
 * Holding it does not keep the process alive: Node exits when nothing waits for the GPU any more, whether devices
 * are destroyed or not. What was submitted to the GPU is finished first, and `destroy` waits for it.
 *
 * Must stay true: nothing is loaded before it is asked for (the package is 20 MB of native code).
 */
import { EngineError, messageOf } from "../errors.ts";

export interface DawnOptions {
  /**
   * Leaves out Dawn's own checks of calls and of indexes, and that workgroup memory is zero when a kernel begins. For kernels
   * that are trusted never to read or write out of bounds, nor to read what they have not written: one that does reads or
   * overwrites whatever memory of the GPU lies there.
   */
  readonly trusted?: boolean;
}

/** By whether kernels are trusted. */
const loaded = new Map<boolean, Promise<GPU>>();

/**
 * Loads Dawn, once a process for each set of options. There may still be no GPU: then `requestAdapter` gives `null`.
 *
 * @throws EngineError if the package has no build for this platform or cannot be loaded.
 */
export async function loadDawn({ trusted = false }: DawnOptions = {}): Promise<GPU> {
  const gpu = loaded.get(trusted) ?? createGpu(trusted);
  loaded.set(trusted, gpu);
  return gpu;
}

async function createGpu(trusted: boolean): Promise<GPU> {
  const { create, globals } = await importPackage();
  defineMissing(globals);
  // The first opens features that are not in the standard yet, the second float16 where NVIDIA's driver has it.
  const enabled = ["allow_unsafe_apis", "vulkan_enable_f16_on_nvidia"];
  if (trusted) enabled.push("disable_robustness", "disable_workgroup_init", "skip_validation");
  return create([
    `enable-dawn-features=${enabled.join(",")}`,
    // Else the times of kernels are rounded, by more than many of them take.
    "disable-dawn-features=timestamp_quantization",
  ]);
}

async function importPackage(): Promise<typeof import("webgpu")> {
  try {
    return await import("webgpu");
  } catch (cause) {
    throw new EngineError({
      found: `WebGPU cannot be loaded: ${messageOf(cause).split("\n")[0]}`,
      expected: "the package webgpu, which has builds for Linux, macOS and Windows on x64 and arm64",
      advice: "Install again, or compute with --device cpu.",
      cause,
    });
  }
}

/** `GPUBufferUsage` and the like, which code for browsers takes from the global scope. A runtime's own stay. */
function defineMissing(globals: object): void {
  for (const [name, value] of Object.entries(globals)) {
    if (name in globalThis) continue;
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
}
