/**
 * The WebGPU engine: programs as fused kernels on any GPU, in a browser and in Node.
 *
 * A program is packed (`passes/pack-sequences.ts`) where that applies, cut into kernels at a level of the ladder
 * (`passes/levels.ts`), lowered to WGSL and run. One device serves all programs of an engine.
 */
import { EngineError } from "../../errors.ts";
import { bestLevel, type Level, scheduleAt } from "../../passes/levels.ts";
import { packSequences } from "../../passes/pack-sequences.ts";
import { bindInputs, bindShape, inputsOf } from "../../program/bind.ts";
import { computeOrder } from "../../program/order.ts";
import type { Program, Value } from "../../program/program.ts";
import { viewedTensor } from "../../program/views.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Engine, Executable, ReadParameter, RunOptions } from "../engine.ts";
import type { GpuPrecision } from "./codegen/storage.ts";
import { GpuDevice } from "./gpu-device.ts";
import { GpuProgram } from "./gpu-program.ts";
import { lowerToWgsl } from "./lower.ts";
import { packInputs, planPacking, unpack } from "./packing.ts";
import { Placement } from "./placement.ts";

export interface WebGpuOptions {
  /** Default `f32`. */
  readonly precision?: GpuPrecision;
  /** Default the best. */
  readonly level?: Level;
}

export class WebGpuEngine implements Engine {
  readonly name = "webgpu";
  readonly #gpu: GPU;
  readonly #options: WebGpuOptions;
  #device: Promise<GpuDevice> | undefined;

  constructor(gpu: GPU, options: WebGpuOptions = {}) {
    this.#gpu = gpu;
    this.#options = options;
  }

  async compile(program: Program, readParameter: ReadParameter, options: RunOptions = {}): Promise<Executable> {
    const { precision = "f32", level = bestLevel } = this.#options;
    const device = await this.#open();
    const packed = packSequences(program);
    const schedule = scheduleAt(packed ?? program, level);
    const placement = new Placement(schedule, precision);
    const kernels = lowerToWgsl(schedule, placement, device.kernelLimits);
    const parts = { schedule, kernels, placement };
    const compiled = await GpuProgram.create(device, parts, readParameter, options.signal);
    return new WebGpuExecutable(program, compiled, packed !== undefined);
  }

  /** Gives the device back. Every program compiled on it must have been disposed of. */
  async dispose(): Promise<void> {
    const device = this.#device;
    this.#device = undefined;
    await device?.then((opened) => opened.destroy());
  }

  #open(): Promise<GpuDevice> {
    this.#device ??= GpuDevice.open(this.#gpu);
    return this.#device;
  }
}

class WebGpuExecutable implements Executable {
  readonly #program: Program;
  readonly #compiled: GpuProgram;
  readonly #isPacked: boolean;
  readonly #inputs: ReadonlyMap<string, Value>;
  readonly #order: readonly Value[];

  constructor(program: Program, compiled: GpuProgram, isPacked: boolean) {
    this.#program = program;
    this.#compiled = compiled;
    this.#isPacked = isPacked;
    this.#order = computeOrder(program);
    this.#inputs = inputsOf(this.#order);
  }

  async run(inputs: ReadonlyMap<string, Tensor>, { signal }: RunOptions = {}): Promise<Map<string, Tensor>> {
    signal?.throwIfAborted();
    const extents = bindInputs(this.#inputs, inputs);
    this.#checkIndices(inputs);
    if (!this.#isPacked) return this.#compiled.run(inputs);
    const mask = this.#inputs.has("attention_mask") ? inputs.get("attention_mask") : undefined;
    const packing = planPacking(extents.get("batch") ?? 1, extents.get("sequence") ?? 1, mask);
    const packed =
      packing.sources.length > 0
        ? await this.#compiled.run(packInputs(packing, this.#compiled.inputs, inputs))
        : undefined;
    return new Map(
      [...this.#program.outputs].map(([name, { shape }]) => {
        const padded = bindShape(shape, extents);
        const computed = packed?.get(name) ?? {
          dtype: "f32",
          shape: shape.slice(1).map(() => 0),
          data: new Float32Array(),
        };
        return [
          name,
          unpack(
            packing,
            computed as Tensor<"f32">,
            padded,
            shape.map((extent) => extent === "sequence"),
          ),
        ];
      }),
    );
  }

  async dispose(): Promise<void> {
    this.#compiled.dispose();
  }

  /** A kernel would read some row of the table, not say that there is none. */
  #checkIndices(inputs: ReadonlyMap<string, Tensor>): void {
    for (const { operation } of this.#order) {
      if (operation.kind !== "gather") continue;
      const { operation: source } = viewedTensor(operation.indices);
      const rows = Number(operation.table.shape[0]);
      if (source.kind !== "input") continue;
      for (const index of inputs.get(source.name)?.data ?? []) {
        if (index >= 0 && index < rows) continue;
        throw new EngineError({ found: `an index is ${index}`, expected: `0 to ${rows - 1}, the rows of its table` });
      }
    }
  }
}
