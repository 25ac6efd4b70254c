/**
 * Models for tests that run kernels with their bounds checked (checked-lowering.ts): compiled, run on batches of many
 * shapes, and with a defect in their kernels.
 */

import { expectedParameters, type ModelConfig, questionAnsweringProgram } from "../../src/architectures/index.ts";
import { GpuDevice } from "../../src/engines/webgpu/device/gpu-device.ts";
import type { GpuPrecision } from "../../src/engines/webgpu/device/precision.ts";
import { CompiledProgram } from "../../src/engines/webgpu/run/compiled-program.ts";
import { loadDawn } from "../../src/platform/dawn.ts";
import { observeOthers, type Program, selectOutputs } from "../../src/program/program.ts";
import type { Level } from "../../src/schedule/levels.ts";
import { seededUniform } from "../../src/tensor/random.ts";
import { elementCount, type Tensor } from "../../src/tensor/tensor.ts";
import { BoundsRecord, type Violation } from "./bounds-record.ts";
import { next, type OtherGpu } from "./checked-lowering.ts";
import { required } from "./golden.ts";
import { paddedInputs } from "./padded-inputs.ts";

const common = { vocabSize: 40, layers: 1, family: "bert" as const, tokenTypes: 2, layerNormEps: 1e-12, padTokenId: 0 };

/** No multiples of four: rows have padding, and vectors span heads. */
export const odd = { ...common, hiddenSize: 27, heads: 3, intermediateSize: 22, maxPositions: 67 };
/** Rows are whole vectors. */
export const even = { ...common, hiddenSize: 96, heads: 4, intermediateSize: 136, maxPositions: 131 };
/** Enough columns for the larger tiles, and rows with statistics per tile. */
export const wide = { ...even, intermediateSize: 1048 };
/** K is long and columns are neither few nor many, so that K is split. */
export const deep = { ...even, hiddenSize: 144, intermediateSize: 2048 };
/** Heads for the smaller attention tile in tensor cores. */
export const largeHeads = { ...even, hiddenSize: 144, heads: 2 };

function parametersOf(config: ModelConfig): Map<string, Tensor<"f32">> {
  const uniform = seededUniform(7);
  return new Map(
    [...expectedParameters(config)].map(([name, shape]) => {
      const data = Float32Array.from({ length: elementCount(shape) }, () => uniform() - 0.5);
      return [name, { dtype: "f32", shape, data }] as const;
    }),
  );
}

/** All ids are the largest, also at padding. */
const inputsOf = ({ vocabSize }: ModelConfig, lengths: readonly number[]): Map<string, Tensor> =>
  paddedInputs(lengths, (_, position) => vocabSize - 1 - (position % 3));

/** A device on which kernels are checked, for all tests of a file. */
export class CheckedDevice {
  readonly device: GpuDevice;
  readonly record: BoundsRecord;

  private constructor(device: GpuDevice) {
    this.device = device;
    this.record = new BoundsRecord(device.device);
    next.record = this.record;
  }

  static async open(): Promise<CheckedDevice> {
    return new CheckedDevice(await GpuDevice.open(await loadDawn()));
  }

  async run({ name, program, parameters, level, precision, other, change }: Model, ...runs: Run[]): Promise<void> {
    Object.assign(next, { name, other, change });
    const read = async (parameter: string) => required(parameters.get(parameter)) as Tensor<"f32">;
    const compiled = await CompiledProgram.create(this.device, program, { level, precision }, read, undefined);
    for (const { inputs, observe = false } of runs) await compiled.run(inputs, { observe });
    compiled.dispose();
  }

  /** Runs a model on batches, and on two as long as it allows; those of several sequences are observed. */
  async runModel({ config, upTo, ...settings }: ModelCase, batches: readonly Lengths[]): Promise<void> {
    const outputs = upTo === undefined ? ["start_logits", "end_logits"] : [upTo];
    const program = observeOthers(questionAnsweringProgram(config), outputs);
    const limit = config.maxPositions;
    const runs = [...batches, [limit], [limit, 3]].map((lengths) => {
      return { inputs: inputsOf(config, lengths), observe: lengths.length > 1 };
    });
    await this.run({ ...settings, program, parameters: parametersOf(config) }, ...runs);
  }

  /** Computes the embeddings of three tokens with changed kernels. */
  async runDefect(level: Level, ...changes: readonly Change[]): Promise<readonly Violation[]> {
    const program = selectOutputs(questionAnsweringProgram(odd), ["embeddings"]);
    const change = (code: string): string => changes.reduce((text, [from, to]) => text.replace(from, to), code);
    const settings = {
      name: "defect",
      program,
      parameters: parametersOf(odd),
      level,
      precision: "f32",
      change,
    } as const;
    await this.run(settings, { inputs: inputsOf(odd, [3]) });
    return this.record.takeViolations();
  }
}

interface Settings {
  readonly name: string;
  readonly level: Level;
  readonly precision: GpuPrecision;
  /** As in `CheckedLowering`. */
  readonly other?: OtherGpu;
}

interface Model extends Settings {
  readonly program: Program;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly change?: (code: string) => string;
}

interface Run {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly observe?: boolean;
}

export interface ModelCase extends Settings {
  readonly config: ModelConfig;
  /** The stage that is computed at last; absent: the logits. */
  readonly upTo?: string;
}

/** The lengths of a batch's sequences. */
export type Lengths = readonly number[];

type Change = readonly [from: string | RegExp, to: string];
