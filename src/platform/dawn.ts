/**
 * WebGPU in Node: Dawn, the implementation in Chromium, from the package `webgpu`.
 *
 * Two properties of Dawn 0.6 shape this module; test/dawn.test.ts checks them:
 *
 * The GPU object that `create` returns must outlive everything made from it. If it is garbage-collected while an
 * adapter, device or buffer is alive, the process crashes (SIGABRT or SIGSEGV), so it is never released here.
 *
 * It does not keep the process alive: Node exits when nothing waits for the GPU, whether devices are destroyed or not.
 * Submitted work is finished first, and `destroy` waits for it.
 *
 * Must stay true: the package (20 MB of native code) is loaded on first use.
 */
import { InputError } from "../errors.ts";
import { importOptional, installCommand } from "./node/optional-package.ts";

export interface DawnOptions {
  /**
   * Disables Dawn's validation, bounds checks and zero-initialisation of workgroup memory. A kernel that accesses
   * memory out of bounds then reads or overwrites other GPU memory.
   */
  readonly trusted?: boolean;
}

/** By `trusted`. */
const loaded = new Map<boolean, Promise<GPU>>();

/**
 * Loads Dawn, once per process and set of options. Without a GPU, `requestAdapter` gives `null`.
 * @throws InputError if the package is not installed, EngineError if it cannot be loaded.
 */
export async function loadDawn({ trusted = false }: DawnOptions = {}): Promise<GPU> {
  const gpu = loaded.get(trusted) ?? createGpu(trusted);
  loaded.set(trusted, gpu);
  return gpu;
}

async function createGpu(trusted: boolean): Promise<GPU> {
  const { create, globals } = await importPackage();
  defineMissing(globals);
  // Features not yet in the standard, and float16 where NVIDIA's driver supports it.
  const enabled = ["allow_unsafe_apis", "vulkan_enable_f16_on_nvidia"];
  if (trusted) enabled.push("disable_robustness", "disable_workgroup_init", "skip_validation");
  return create([
    `enable-dawn-features=${enabled.join(",")}`,
    // Quantisation would round kernel times by more than many kernels take.
    "disable-dawn-features=timestamp_quantization",
  ]);
}

async function importPackage(): Promise<typeof import("webgpu")> {
  const dawn = await importOptional("webgpu", () => import("webgpu"), "Or use --device cpu.");
  if (dawn !== undefined) return dawn;
  throw new InputError({
    found: "the package webgpu is not installed",
    expected: "webgpu, which the device webgpu needs in Node",
    advice: `Run ${installCommand("webgpu")}.`,
  });
}

/** Defines `GPUBufferUsage` and the like globally, as in browsers, unless the runtime already does. */
function defineMissing(globals: object): void {
  for (const [name, value] of Object.entries(globals)) {
    if (name in globalThis) continue;
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
}
