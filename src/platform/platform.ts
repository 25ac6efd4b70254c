/**
 * The interface to what Node and browsers do differently: opening a model's files and creating engines.
 *
 * The package's import map (`#platform` in package.json) selects `node.ts` or `browser.ts`; no other module depends on
 * either.
 */
import { checkChoice, checkFunction, checkOptions, checkString, isRecord } from "../arguments.ts";
import type { Engine } from "../engines/engine.ts";
import type { GpuPrecision } from "../engines/webgpu/device/precision.ts";
import type { WebGpuOptions } from "../engines/webgpu/run/options.ts";
import { InputError } from "../errors.ts";
import type { Level } from "../schedule/levels.ts";

/** The devices, with the options that only some take. */
const deviceKinds = {
  auto: { takesGpuOptions: false },
  cpu: { takesGpuOptions: false },
  wasm: { takesGpuOptions: false },
  webgpu: { takesGpuOptions: true },
  reference: { takesGpuOptions: false },
} as const;

/**
 * Where to compute. `auto` is the CPU, which every machine has: ONNX Runtime as native code where it is installed, else as
 * WebAssembly, with a warning that says how to get the other. `cpu` is the same without the warning, `wasm` always
 * WebAssembly; `reference` is the slow interpreter.
 */
export type Device = keyof typeof deviceKinds;

export const devices = Object.keys(deviceKinds) as readonly Device[];

export interface EngineOptions {
  /** Threads for the CPU engines. */
  readonly threads: number | undefined;
  /** Browser only: where the package's `dist/onnxruntime` is served, a URL ending in a slash. */
  readonly wasmPaths: string | undefined;
  /** For the WebGPU engine alone. */
  readonly gpu: GpuEngineOptions | undefined;
}

export interface GpuEngineOptions extends Omit<WebGpuOptions, "loadTiles" | "saveSource" | "timeKernels"> {
  /** Node only: a folder for the sources of kernels that the driver rejects. */
  readonly debugFolder?: string;
  /** Node only: disables Dawn's validation, bounds checks and clearing of workgroup memory, for speed. */
  readonly trustedKernels?: boolean;
}

/** Only names: the definitions are loaded with the engine. */
const precisionNames = { f32: 1, f16: 1, "f16-storage": 1 } satisfies Record<GpuPrecision, 1>;
const levelNames = { O0: 1, O1: 1, O2: 1, O3: 1, O4: 1 } satisfies Record<Level, 1>;

const gpuOptionNames: readonly (keyof GpuEngineOptions)[] = [
  "precision",
  "level",
  "tensorCores",
  "tiles",
  "skipSelfTest",
  "debugFolder",
  "trustedKernels",
  "persistent",
  "onTrace",
];

/** @throws InputError for an unknown option, or a value of the wrong type. */
export function checkGpuValues(gpu: unknown): void {
  checkOptions(gpu, gpuOptionNames, "the options of the GPU");
  const { precision, level, tiles, debugFolder, onTrace, ...flags } = gpu as Readonly<Record<string, unknown>>;
  checkChoice("precision", precision, ["auto", ...Object.keys(precisionNames)]);
  checkChoice("level", level, Object.keys(levelNames));
  if (!isRecord(tiles)) checkChoice("tiles", tiles, ["default", "what fusebert tune found"]);
  checkFunction("onTrace", onTrace);
  checkString("debugFolder", debugFolder);
  for (const [name, value] of Object.entries(flags)) checkChoice(name, value, [true, false]);
}

/** How the engine of each device is created on a platform. */
type EngineFactories = Readonly<Record<Device, (options: EngineOptions) => Promise<Engine>>>;

/** `createEngine` of a platform. @throws InputError for options that the device's engine does not take. */
export const engineCreator =
  (factories: EngineFactories): Platform["createEngine"] =>
  async (device, options) => {
    if (!deviceKinds[device].takesGpuOptions) rejectGpuOptions(device, options.gpu);
    return factories[device](options);
  };

export async function createReferenceEngine(): Promise<Engine> {
  const { ReferenceEngine } = await import("../engines/reference/reference-engine.ts");
  return new ReferenceEngine();
}

function rejectGpuOptions(device: Device, gpu: GpuEngineOptions | undefined): void {
  const [name] = Object.entries(gpu ?? {}).find(([, value]) => value !== undefined) ?? [];
  if (name === undefined) return;
  throw new InputError({
    found: `${name} is given, and the device is ${device}`,
    expected: "the device webgpu, the only one with this option",
  });
}

export interface Platform {
  createEngine(device: Device, options: EngineOptions): Promise<Engine>;
  /** Number of threads that can run in parallel; absent where no engine takes threads. */
  processors?(): number;
}
