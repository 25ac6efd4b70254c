/**
 * The CPU engines: programs lowered to ONNX and run by ONNX Runtime, as native code or as WebAssembly; the caller passes the
 * module.
 *
 * Must stay true: ONNX Runtime prints nothing to standard output, runs are queued (one session uses all threads), between two of
 * them the event loop runs, and `dispose` releases the session with its weights.
 */
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common";
import pLimit from "p-limit";
import { yieldToEventLoop } from "../../abortable.ts";
import { EngineError, messageOf } from "../../errors.ts";
import { bindInputs, inputsOf } from "../../program/bind.ts";
import { computeOrder } from "../../program/order.ts";
import type { Program } from "../../program/program.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Engine, Executable, ReadParameter, RunOptions } from "../engine.ts";
import { encodeOnnx } from "./encode.ts";
import { lowerToOnnx } from "./lower.ts";
import { type ExternalData, withStoredWeights } from "./stored-weights.ts";

/** The part of ONNX Runtime's API used here, common to `onnxruntime-node` and `onnxruntime-web`. */
export interface OnnxRuntime {
  readonly InferenceSession: typeof InferenceSession;
  readonly Tensor: typeof OrtTensor;
}

export interface OnnxEngineOptions {
  /** Native code, or WebAssembly; also the engine's name. */
  readonly executionProvider: "cpu" | "wasm";
  /** Threads per run, of native code. Default: ONNX Runtime's choice, the number of physical cores. */
  readonly threads?: number;
  readonly warnings?: readonly string[];
}

/**
 * Constant folding and dead code elimination. The fusions of `extended` and `all` are those that the lowering has
 * already chosen: they make creating a session 25 ms slower and a run no faster (ONNX Runtime 1.30).
 */
const optimizations = "basic";

/** Warnings would appear on standard error among the answers. */
const logErrorsOnly = 3;

export class OnnxEngine implements Engine {
  readonly name: string;
  readonly warnings: readonly string[];
  readonly #runtime: OnnxRuntime;
  readonly #options: OnnxEngineOptions;

  constructor(runtime: OnnxRuntime, options: OnnxEngineOptions) {
    this.name = options.executionProvider;
    this.warnings = options.warnings ?? [];
    this.#runtime = runtime;
    this.#options = options;
  }

  async compile(program: Program, readParameter: ReadParameter, options: RunOptions = {}): Promise<Executable> {
    const widenMatrices = this.#options.executionProvider === "wasm";
    const { graph, data } = await withStoredWeights(lowerToOnnx(program), readParameter, {
      ...options,
      widenMatrices,
    });
    const model = await encodeOnnx(graph, readParameter, options);
    options.signal?.throwIfAborted();
    const session = await this.#createSession(model, data);
    return new OnnxExecutable(this.#runtime, session, program, this.#options.executionProvider === "wasm");
  }

  async #createSession(model: Uint8Array, externalData: readonly ExternalData[]): Promise<InferenceSession> {
    const { executionProvider, threads } = this.#options;
    try {
      return await this.#runtime.InferenceSession.create(model, {
        executionProviders: [executionProvider],
        graphOptimizationLevel: optimizations,
        logSeverityLevel: logErrorsOnly,
        externalData,
        ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      });
    } catch (cause) {
      throw new EngineError({ found: `ONNX Runtime rejected the model: ${messageOf(cause)}`, cause });
    }
  }
}

class OnnxExecutable implements Executable {
  readonly description = "ONNX Runtime, f32";
  readonly #runtime: OnnxRuntime;
  /** A run in WebAssembly returns before anything else can happen, and its promise is already settled. */
  readonly #blocks: boolean;
  readonly #inputs: ReturnType<typeof inputsOf>;
  readonly #queue = pLimit(1);
  #session: InferenceSession | undefined;

  constructor(runtime: OnnxRuntime, session: InferenceSession, program: Program, blocks: boolean) {
    this.#runtime = runtime;
    this.#blocks = blocks;
    this.#session = session;
    this.#inputs = inputsOf(computeOrder(program));
  }

  run(inputs: ReadonlyMap<string, Tensor>, { signal }: RunOptions = {}): Promise<Map<string, Tensor>> {
    return this.#queue(async () => {
      if (this.#blocks) await yieldToEventLoop(signal);
      signal?.throwIfAborted();
      bindInputs(this.#inputs, inputs);
      if (this.#session === undefined) throw new EngineError({ found: "the model was disposed of" });
      const feeds = Object.fromEntries([...this.#inputs.keys()].map((name) => [name, this.#feed(name, inputs)]));
      try {
        const results = await this.#session.run(feeds);
        return new Map(Object.entries(results).map(([name, tensor]) => [name, takeResult(name, tensor)]));
      } catch (cause) {
        throw new EngineError({ found: `ONNX Runtime failed: ${messageOf(cause)}`, cause });
      }
    });
  }

  async dispose(): Promise<void> {
    await this.#queue(async () => {
      const session = this.#session;
      this.#session = undefined;
      await session?.release();
    });
  }

  #feed(name: string, inputs: ReadonlyMap<string, Tensor>): OrtTensor {
    const tensor = inputs.get(name);
    if (tensor?.dtype === "i32") return new this.#runtime.Tensor("int32", tensor.data, tensor.shape);
    if (tensor?.dtype === "f32") return new this.#runtime.Tensor("float32", tensor.data, tensor.shape);
    throw new EngineError({ found: `the input ${name} is ${tensor?.dtype ?? "missing"}`, expected: "i32 or f32" });
  }
}

function takeResult(name: string, tensor: OrtTensor): Tensor<"f32"> {
  const { data, dims } = tensor;
  if (!(data instanceof Float32Array)) throw new EngineError({ found: `the output ${name} is ${tensor.type}` });
  return { dtype: "f32", shape: dims, data };
}
