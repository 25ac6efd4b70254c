/**
 * What fusebert needs from where it runs, and Node and browsers have differently: a model's files and the engines.
 *
 * The package's import map (`#platform` in package.json) picks `node.ts` or `browser.ts`; nothing else in the library
 * imports what exists in only one of them.
 */
import { checkChoice, checkFunction, checkOptions, checkString, isRecord } from "../arguments.ts";
import type { ModelFiles } from "../checkpoint/files.ts";
import type { Engine } from "../engines/engine.ts";
import type { GpuPrecision } from "../engines/webgpu/device/precision.ts";
import type { TunedTiles } from "../engines/webgpu/plan/tuned-tiles.ts";
import type { OnTrace } from "../engines/webgpu/run/run-recording.ts";
import { InputError } from "../errors.ts";
import type { Level } from "../schedule/levels.ts";

/** Where to compute. `auto` is the CPU, which every machine has; `reference` is the slow float64 interpreter. */
export type Device = "auto" | "cpu" | "webgpu" | "reference";

/** What the model in the package is called. */
export const builtInModel = "built-in";

export const devices: readonly Device[] = ["auto", "cpu", "webgpu", "reference"];

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
  /** For the WebGPU engine alone. */
  readonly gpu: GpuEngineOptions | undefined;
}

/** What the WebGPU engine can be told. */
export interface GpuEngineOptions {
  /** Default `auto`: `f16` where the GPU has it, else `f32`. */
  readonly precision?: GpuPrecision | "auto";
  /** How far kernels are fused. Default the best. */
  readonly level?: Level;
  /**
   * Default `true`: in `f16`, matrices are multiplied in tensor cores where the driver gives them. `false` leaves them
   * alone, as a stable browser does: the way out where they compute wrongly.
   */
  readonly tensorCores?: boolean;
  /**
   * What `fusebert tune` found on this GPU, instead of what its cache holds, or `default` for neither (docs/tuning.md).
   * Tiles of another GPU are not used.
   */
  readonly tiles?: TunedTiles | "default";
  /** Takes the GPU as it is, also if it computes a known layer wrongly. */
  readonly skipSelfTest?: boolean;
  /** Node only: a folder for the sources of kernels that the driver refuses. */
  readonly debugFolder?: string;
  /** Node only: leaves out Dawn's checks of calls and indexes and its clearing of workgroup memory, for speed. */
  readonly trustedKernels?: boolean;
  /**
   * In `f16` on tensor cores: attention and feed-forward as a dispatch each, whose workgroups meet between kernels. WGSL does
   * not promise that they can, so a test on the device decides, and a run in which they did not meet is run again without.
   */
  readonly persistent?: boolean;
  /** Told what every run did and when (docs/tracing.md). Kernels are then timed one by one, which makes runs slower. */
  readonly onTrace?: OnTrace;
}

/** Names alone: what they stand for is loaded with the engine. */
const precisionNames = { f32: 1, f16: 1, "f16-storage": 1 } satisfies Record<GpuPrecision, 1>;
const levelNames = { O0: 1, O1: 1, O2: 1, O3: 1, O4: 1 } satisfies Record<Level, 1>;

/** The names of all options of the WebGPU engine. */
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

/** @throws InputError for an option that there is not, or of another kind. */
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

/** @throws InputError for options of the GPU with another device. */
export function checkGpuOptions(device: Device, gpu: GpuEngineOptions | undefined): void {
  const [name] = Object.entries(gpu ?? {}).find(([, value]) => value !== undefined) ?? [];
  if (name === undefined || device === "webgpu") return;
  throw new InputError({
    found: `${name} is given, and the device is ${device}`,
    expected: "the device webgpu, which alone has it",
  });
}

export interface Platform {
  /** @throws InputError for a name that cannot be a model, CheckpointError for a folder that is none. */
  findModel(location: ModelLocation): Promise<ModelFiles>;
  createEngine(device: Device, options: EngineOptions): Promise<Engine>;
  /** How many threads this machine, or browser, can run at the same time. */
  processors(): number;
}
