/** A program compiled for one device: packed where possible, scheduled, lowered, its weights on the GPU. */
import { EngineError } from "../../../errors.ts";
import { bindInputs, bindShape, inputsOf } from "../../../program/bind.ts";
import { computeOrder } from "../../../program/order.ts";
import type { Program, Value } from "../../../program/program.ts";
import { viewedTensor } from "../../../program/views.ts";
import { packSequences } from "../../../rewrites/pack-sequences.ts";
import { type Level, scheduleAt } from "../../../schedule/levels.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import type { ExecuteOptions, ReadParameter } from "../../engine.ts";
import type { DeviceLostError } from "../device/device-health.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import type { GpuPrecision } from "../device/precision.ts";
import type { PersistentLimits, TileSource } from "../plan/kernel-plan.ts";
import { lowerForAllSizes } from "../plan/lower.ts";
import { Placement } from "../plan/placement.ts";
import { GpuProgram } from "./gpu-program.ts";
import type { WebGpuOptions } from "./options.ts";
import { packInputs, planPacking, unpack, visiblePairs } from "./packing.ts";
import { RunRecording } from "./run-recording.ts";

export interface CompileSettings extends Pick<WebGpuOptions, "onTrace" | "timeKernels"> {
  readonly level: Level;
  readonly precision: GpuPrecision;
  /** The most tokens a run has, if known: larger size classes are not compiled. */
  readonly maxTokens?: number;
  /** Tiles tuned on this GPU. */
  readonly tiles?: TileSource | undefined;
  /** Compiles each subprogram as one persistent kernel, where possible. */
  readonly persistent?: PersistentLimits | undefined;
}

export class CompiledProgram {
  readonly #program: Program;
  readonly #compiled: GpuProgram;
  readonly #isPacked: boolean;
  readonly #startRecording: (() => RunRecording) | undefined;
  readonly #inputs: ReadonlyMap<string, Value>;
  /** How many rows the tables have that inputs index. */
  readonly #indices: ReadonlyMap<string, number>;

  private constructor(
    program: Program,
    compiled: GpuProgram,
    isPacked: boolean,
    startRecording: (() => RunRecording) | undefined,
  ) {
    this.#program = program;
    this.#compiled = compiled;
    this.#isPacked = isPacked;
    this.#startRecording = startRecording;
    const order = computeOrder(program);
    this.#inputs = inputsOf(order);
    this.#indices = checkedIndices(order);
  }

  static async create(
    device: GpuDevice,
    program: Program,
    { level, precision, maxTokens, tiles, persistent, onTrace, timeKernels = true }: CompileSettings,
    readParameter: ReadParameter,
    signal: AbortSignal | undefined,
  ): Promise<CompiledProgram> {
    const packed = packSequences(program);
    const schedule = scheduleAt(packed ?? program, level);
    const placement = new Placement(schedule, precision);
    const limits = { ...device.kernelLimits, tiles, persistent };
    const lowerings = lowerForAllSizes(schedule, placement, limits, maxTokens);
    const parts = { program: schedule.program, lowerings, placement, isTraced: onTrace !== undefined && timeKernels };
    const compiled = await GpuProgram.create(device, parts, readParameter, signal);
    const traced = { device: device.description, precision, level, program: schedule.program, placement };
    const startRecording = onTrace && (() => new RunRecording(traced, onTrace));
    return new CompiledProgram(program, compiled, packed !== undefined, startRecording);
  }

  /** Whether it has persistent kernels. */
  get isPersistent(): boolean {
    return this.#compiled.isPersistent;
  }

  /** Why its device can no longer be used; `undefined` while it can. */
  get failure(): DeviceLostError | undefined {
    return this.#compiled.failure;
  }

  async run(inputs: ReadonlyMap<string, Tensor>, options: ExecuteOptions = {}): Promise<Map<string, Tensor>> {
    const recording = this.#startRecording?.();
    const extents = bindInputs(this.#inputs, inputs);
    this.#checkIndices(inputs);
    if (!this.#isPacked) {
      const outputs = await this.#compiled.run(inputs, options, recording);
      recording?.finish(undefined);
      return outputs;
    }
    const mask = this.#inputs.has("attention_mask") ? inputs.get("attention_mask") : undefined;
    const packing = planPacking(extents.get("batch") ?? 1, extents.get("sequence") ?? 1, mask);
    const packed =
      packing.sources.length > 0
        ? await this.#compiled.run(packInputs(packing, this.#compiled.inputs, inputs), options, recording)
        : undefined;
    const outputs = new Map(
      [...this.#program.outputs, ...(options.observe ? this.#observable() : [])].map(([name, { shape }]) => {
        const padded = bindShape(shape, extents);
        const empty: Tensor<"f32"> = { dtype: "f32", shape: shape.slice(1).map(() => 0), data: new Float32Array() };
        const computed = packed?.get(name) ?? empty;
        const sequenceAxes = shape.map((extent) => extent === "sequence");
        return [name, unpack(packing, computed, padded, sequenceAxes)] as const;
      }),
    );
    // A batch of nothing but padding is not run.
    if (packed !== undefined) recording?.finish(visiblePairs(packing));
    return outputs;
  }

  /** Releases all memory. No run may be in progress. */
  dispose(): void {
    this.#compiled.dispose();
  }

  /** The observed stages that kernels store, as values of the unpacked program. */
  #observable(): [string, Value][] {
    const stored = new Set(this.#compiled.observable.map(({ name }) => name));
    return [...(this.#program.observed ?? [])].filter(([name]) => stored.has(name));
  }

  /** Kernels clamp an index that is out of range and report nothing, so the host checks. */
  #checkIndices(inputs: ReadonlyMap<string, Tensor>): void {
    for (const [input, rows] of this.#indices) {
      const indices = inputs.get(input);
      const wrong = indices && indexOutside(indices.data, rows);
      if (wrong === undefined) continue;
      throw new EngineError({ found: `an index is ${wrong}`, expected: `0 to ${rows - 1}, the rows of its table` });
    }
  }
}

/** The rows of the smallest table that the elements of an input index, by the input's name: layers share inputs. */
function checkedIndices(order: readonly Value[]): ReadonlyMap<string, number> {
  const rows = new Map<string, number>();
  for (const { operation } of order) {
    if (operation.kind !== "gather") continue;
    const { operation: source } = viewedTensor(operation.indices);
    if (source.kind !== "input") continue;
    const known = rows.get(source.name) ?? Number.POSITIVE_INFINITY;
    rows.set(source.name, Math.min(known, Number(operation.table.shape[0])));
  }
  return rows;
}

/** The first index that is no row of a table. A loop: this is done before every run, and a callback takes ten times as long. */
function indexOutside(indices: Tensor["data"], rows: number): number | undefined {
  for (let place = 0; place < indices.length; place++) {
    const index = Number(indices[place]);
    if (!(index >= 0 && index < rows)) return index;
  }
  return undefined;
}
