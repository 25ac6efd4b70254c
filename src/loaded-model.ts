/**
 * A model loaded on a device.
 *
 * It combines checkpoint, tokenizer, program and engine, and runs windows. `question-answerer.ts` and `evaluate/` make
 * the windows and interpret the logits.
 *
 * Must stay true: windows are requested lazily and dropped when their logits are yielded, an abort takes effect between
 * any two batches, and `dispose` releases everything.
 */
import { type Checkpoint, openCheckpoint } from "./architectures/checkpoint.ts";
import { questionAnsweringProgram } from "./architectures/index.ts";
import type { TokenSequence } from "./architectures/inputs.ts";
import { checkChoice, checkOptions, checkString, describeArgument } from "./arguments.ts";
import type { DownloadProgress, ModelFiles } from "./checkpoint/files.ts";
import type { Engine, Executable } from "./engines/engine.ts";
import { runSequences, type SequenceLogits } from "./engines/sequence-runner.ts";
import { EngineError, InputError } from "./errors.ts";
import { modelFiles } from "./platform/model-files.ts";
import { checkGpuValues, type Device, devices, type GpuEngineOptions, type Platform } from "./platform/platform.ts";
import { selectOutputs } from "./program/program.ts";
import { assumeUnmasked } from "./rewrites/assume-unmasked.ts";
import type { Tokenizer } from "./text/tokenizer.ts";

export interface LoadOptions {
  /** Default `auto`. */
  readonly device?: Device;
  /** For a model on the Hugging Face hub: a branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /**
   * Threads for the CPU engines. Default: the physical cores for native code; for WebAssembly at most 8 in Node, fewer in a
   * browser. All models of a process on WebAssembly share the threads of the first.
   */
  readonly threads?: number;
  /** Browser only: the URL, ending in a slash, under which the package's `dist/onnxruntime` is served. */
  readonly wasmPaths?: string;
  readonly signal?: AbortSignal;
  /** Options of the device `webgpu`. */
  readonly gpu?: GpuEngineOptions;
  /** Called while the model's files are downloaded. */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/** A window to run; callers extend it with their own data. */
export interface WindowItem {
  readonly window: TokenSequence;
}

export interface ComputedWindow<T extends WindowItem> {
  readonly item: T;
  readonly logits: SequenceLogits;
}

/** How many windows are searched for equal lengths to batch. */
const lookahead = 32;

export class LoadedModel {
  /** The model's id, folder or URL; `built-in` for the one in the package. */
  readonly name: string;
  /** The engine: `cpu` (native code), `wasm`, `webgpu` or `reference`. */
  readonly device: string;
  /** In full: `webgpu: google swiftshader, f32, O4` (adapter, precision, level), `cpu: ONNX Runtime, f32`. */
  readonly computedBy: string;
  readonly tokenizer: Tokenizer;
  /** The model's longest sequence, in tokens. */
  readonly maxPositions: number;
  /** The default of the option `noAnswerThreshold`: the one that config.json names, or 0. */
  readonly noAnswerThreshold: number;
  readonly #engine: Engine;
  readonly #checkpoint: Checkpoint;
  #executable: Executable | undefined;

  private constructor(checkpoint: Checkpoint, tokenizer: Tokenizer, executable: Executable, engine: Engine) {
    this.name = checkpoint.name;
    this.device = engine.name;
    this.computedBy = `${engine.name}: ${executable.description}`;
    this.tokenizer = tokenizer;
    this.maxPositions = checkpoint.config.maxPositions;
    this.noAnswerThreshold = checkpoint.settings.noAnswerThreshold ?? 0;
    this.#engine = engine;
    this.#checkpoint = checkpoint;
    this.#executable = executable;
  }

  /**
   * @param platform what creates the engine.
   * @param model a folder (Node), a URL of a folder, a Hugging Face id, or files; default: the built-in model.
   * @throws InputError, CheckpointError, DownloadError or EngineError, after closing what was opened.
   */
  static async load(platform: Platform, model?: string | ModelFiles, options: LoadOptions = {}): Promise<LoadedModel> {
    checkLoadOptions(options, platform);
    const { device = "auto", signal, onProgress } = options;
    signal?.throwIfAborted();
    const files = await modelFiles(model, options.revision);
    const opening = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
    const checkpoint = await openCheckpoint(files, opening);
    try {
      const { threads, wasmPaths, gpu } = options;
      const engine = await platform.createEngine(device, { threads, wasmPaths, gpu });
      const [executable, tokenizer] = await compileAndRead(engine, checkpoint, signal);
      // The engine has copied the weights.
      if (!engine.readsAgain) await checkpoint.close();
      return new LoadedModel(checkpoint, tokenizer, executable, engine);
    } catch (error) {
      await checkpoint.close();
      throw error;
    }
  }

  /** Of the engine, and ignored or suspicious contents of the model's files, as sentences without the full stop. */
  get warnings(): readonly string[] {
    return [...(this.#engine.warnings ?? []), ...this.#checkpoint.warnings];
  }

  /** @throws EngineError after `dispose`. */
  requireOpen(): Executable {
    if (this.#executable !== undefined) return this.#executable;
    throw new EngineError({
      found: "the model was disposed of",
      advice: "Load it again with QuestionAnswerer.load.",
    });
  }

  /** Yields the logits of all windows batch by batch, in the order of computation, not of `items`. */
  async *run<T extends WindowItem>(items: Iterable<T>, signal?: AbortSignal): AsyncGenerator<ComputedWindow<T>[]> {
    const executable = this.requireOpen();
    const { tokensPerBatch } = executable;
    const mixesLengths = this.#engine.mixesLengths === true;
    const options = {
      mixesLengths,
      ...(tokensPerBatch !== undefined && { tokensPerBatch }),
      ...(signal && { signal }),
    };
    // With mixed lengths, consecutive windows fill a batch; otherwise windows of equal length must be found.
    const isFull = mixesLengths && tokensPerBatch !== undefined ? holdsTokens(tokensPerBatch) : holdsWindows(lookahead);
    for (const chunk of chunked(items, isFull)) {
      const sequences = chunk.map(({ window }) => window);
      for await (const batch of runSequences(executable, sequences, this.#checkpoint.config, options)) {
        yield batch.map(({ index, start, end }) => ({ item: chunk[index] as T, logits: { start, end } }));
      }
    }
  }

  /** Releases the model's memory; no run may be in progress. */
  async dispose(): Promise<void> {
    const executable = this.#executable;
    this.#executable = undefined;
    if (executable === undefined) return;
    await executable.dispose();
    await this.#engine.dispose?.();
    await this.#checkpoint.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

/** Reads the tokenizer while the engine waits for weights. Disposes the engine on failure. */
async function compileAndRead(
  engine: Engine,
  { config, weights, tokenizer }: Checkpoint,
  signal: AbortSignal | undefined,
): Promise<[Executable, Tokenizer]> {
  const program = selectOutputs(questionAnsweringProgram(config), ["start_logits", "end_logits"]);
  const readParameter = (name: string) => weights.read(name);
  const compiling = engine.compile(
    engine.mixesLengths ? program : assumeUnmasked(program),
    readParameter,
    signal ? { signal } : {},
  );
  try {
    return await Promise.all([compiling, tokenizer()]);
  } catch (error) {
    await compiling.then((executable) => executable.dispose()).catch(() => undefined);
    await engine.dispose?.();
    throw error;
  }
}

const loadOptionNames: readonly (keyof LoadOptions)[] = [
  "device",
  "revision",
  "threads",
  "wasmPaths",
  "signal",
  "gpu",
  "onProgress",
];

/** More threads per processor only wait for each other, and take seconds to start. */
const threadsPerProcessor = 8;

function checkLoadOptions(options: LoadOptions, platform: Platform): void {
  checkOptions(options, loadOptionNames);
  const { device = "auto", threads, wasmPaths, gpu } = options;
  checkChoice("device", device, devices);
  checkString("wasmPaths", wasmPaths);
  if (gpu !== undefined) checkGpuValues(gpu);
  if (threads !== undefined) checkThreads(threads, platform.processors?.() ?? 1);
}

function checkThreads(threads: number, processors: number): void {
  const max = threadsPerProcessor * processors;
  if (Number.isSafeInteger(threads) && threads >= 1 && threads <= max) return;
  throw new InputError({
    found: `threads is ${describeArgument(threads)}`,
    expected: `a whole number from 1 to ${max}, ${threadsPerProcessor} times the processors of this machine`,
    advice: "Leave it out for the default.",
  });
}

/** Whether `next` does not fit into the chunk. */
type IsFull = (chunk: readonly WindowItem[], next: WindowItem) => boolean;

const holdsWindows =
  (count: number): IsFull =>
  (chunk) =>
    chunk.length >= count;

const holdsTokens =
  (count: number): IsFull =>
  (chunk, next) =>
    chunk.reduce((sum, { window }) => sum + window.inputIds.length, next.window.inputIds.length) > count;

function* chunked<T extends WindowItem>(items: Iterable<T>, isFull: IsFull): Generator<T[]> {
  let chunk: T[] = [];
  for (const item of items) {
    if (chunk.length > 0 && isFull(chunk, item)) {
      yield chunk;
      chunk = [];
    }
    chunk.push(item);
  }
  if (chunk.length > 0) yield chunk;
}
