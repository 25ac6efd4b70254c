/**
 * A candidate's tensors, from a file that a user's kernel wrote.
 *
 * Accepted names: `layer.N.<stage>`, or bare `<stage>` for the target layer; `hidden_states` or `input` (for layer 0 also
 * `embeddings`) for the layer's input; `attention_mask`. Other tensors are listed and not read.
 *
 * Must stay true: no name has two meanings; values are copied bit by bit, in the dtype they have.
 */

import { type ModelConfig, parseStageName, stageName } from "../../architectures/index.ts";
import { describe } from "../../checkpoint/describe.ts";
import { CheckpointError, InputError } from "../../errors.ts";
import type { FloatDType, Tensor } from "../../tensor/tensor.ts";
import { plainMask } from "./attention-mask.ts";
import { inStageShape, withBatch } from "./stage-layouts.ts";

export interface Dump {
  /** The file or folder it was read from. */
  readonly name: string;
  /** The coarsest dtype among its stages (f64, f32, f16, bf16 in this order), which defines the candidate's budget. */
  readonly dtype: FloatDType;
  /** By canonical name, `layer.N.stage`. */
  readonly stages: ReadonlyMap<string, Tensor<FloatDType>>;
  /** The target layer's input, [batch, sequence, hidden]. */
  readonly hiddenStates: Tensor<FloatDType> | undefined;
  /** [batch, sequence], 1 for a real position. */
  readonly attentionMask: Tensor<"i32"> | undefined;
  /** Names that are not accepted. */
  readonly unknown: readonly string[];
}

/** Named tensors, read on demand: an open safetensors file, or a folder of npy files. */
export interface TensorSource {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, unknown>;
  read(name: string): Promise<Tensor>;
}

export interface TargetLayer {
  readonly config: ModelConfig;
  /** The layer of bare stage names and of `hidden_states`. */
  readonly layer: number;
}

const maskName = "attention_mask";

/** From the coarsest to the finest. */
const byCoarseness: readonly FloatDType[] = ["bf16", "f16", "f32", "f64"];

/**
 * Reads the tensors with accepted names; `checkDump` checks that they suffice and have the right shapes.
 * @throws InputError if a tensor cannot be read or is not of real numbers, two names mean the same tensor, or the attention
 * mask has no known form.
 */
export async function readDump(source: TensorSource, { config, layer }: TargetLayer): Promise<Dump> {
  const stages = new Map<string, Tensor<FloatDType>>();
  const unknown: string[] = [];
  const inputs = inputNames(layer);
  for (const name of source.tensors.keys()) {
    const parsed = parseStageName(config, name, layer);
    if (parsed === undefined) {
      if (name !== maskName && !inputs.includes(name)) unknown.push(name);
      continue;
    }
    const canonical = stageName(parsed.layer, parsed.stage);
    if (stages.has(canonical)) throw twoNames(source.name, canonical);
    stages.set(canonical, inStageShape(await readFloats(source, name), parsed.stage, config));
  }
  const coarsest = byCoarseness.find((dtype) => [...stages.values()].some((tensor) => tensor.dtype === dtype));
  const hiddenStates = await readInput(source, stages, layer);
  return {
    name: source.name,
    dtype: coarsest ?? hiddenStates?.dtype ?? "f32",
    stages,
    hiddenStates,
    attentionMask: await readMask(source),
    unknown,
  };
}

/**
 * Adds missing hidden states and attention mask from another dump.
 * @throws InputError if the two masks differ, or the other dump has neither tensor.
 */
export function withInputs(dump: Dump, other: Dump): Dump {
  if (other.hiddenStates === undefined && other.attentionMask === undefined) {
    throw new InputError({
      found: `${other.name} has neither hidden_states nor ${maskName}`,
      expected: "at least one of them in a file of inputs",
    });
  }
  if (differ(dump.attentionMask, other.attentionMask)) {
    throw new InputError({
      found: `${dump.name} and ${other.name} each have an ${maskName}, and the two differ`,
      expected: "one mask",
      advice: "Dump the candidate on the inputs that it is compared with.",
    });
  }
  return {
    ...dump,
    hiddenStates: dump.hiddenStates ?? other.hiddenStates,
    attentionMask: dump.attentionMask ?? other.attentionMask,
  };
}

/** Names of a layer's input, by precedence. The embeddings are the input of layer 0 only. */
function inputNames(layer: number): readonly string[] {
  return layer === 0 ? ["hidden_states", "input", "embeddings"] : ["hidden_states", "input"];
}

/** The previous layer's output takes precedence, since `hidden_states` may be the first layer's input in such a dump. */
async function readInput(
  source: TensorSource,
  stages: ReadonlyMap<string, Tensor<FloatDType>>,
  layer: number,
): Promise<Tensor<FloatDType> | undefined> {
  const before = stages.get(stageName(layer - 1, "output"));
  if (before !== undefined) return before;
  const name = inputNames(layer).find((candidate) => source.tensors.has(candidate));
  return name === undefined ? undefined : withBatch(await readFloats(source, name), 3);
}

async function readMask(source: TensorSource): Promise<Tensor<"i32"> | undefined> {
  if (!source.tensors.has(maskName)) return undefined;
  return plainMask(await readTensor(source, maskName), `${source.name}: ${maskName}`);
}

async function readFloats(source: TensorSource, name: string): Promise<Tensor<FloatDType>> {
  const tensor = await readTensor(source, name);
  if (tensor.dtype === "f64" || tensor.dtype === "f32" || tensor.dtype === "f16" || tensor.dtype === "bf16") {
    return tensor;
  }
  throw new InputError({
    found: `${source.name}: ${describe(name)} is ${tensor.dtype}`,
    expected: "f16, bf16, f32 or f64",
    advice: "Dump the values after dequantisation.",
  });
}

async function readTensor(source: TensorSource, name: string): Promise<Tensor> {
  try {
    return await source.read(name);
  } catch (error) {
    throw asDumpError(error);
  }
}

/** Replaces the advice of `checkpoint/`, which is about downloads. */
export function asDumpError(error: unknown): unknown {
  if (!(error instanceof CheckpointError)) return error;
  const { found, expected } = error;
  const advice = "Check that the file is complete, and dump it again.";
  return new InputError({ found, ...(expected === undefined ? {} : { expected }), advice, cause: error });
}

function twoNames(file: string, canonical: string): InputError {
  return new InputError({
    found: `${file} has ${canonical} twice, with its layer and without`,
    expected: "every stage once",
    advice: "Write the layer into all the names.",
  });
}

function differ(a: Tensor<"i32"> | undefined, b: Tensor<"i32"> | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.shape.join() !== b.shape.join() || a.data.some((value, index) => value !== b.data[index]);
}
