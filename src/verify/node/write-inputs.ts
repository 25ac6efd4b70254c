/**
 * Writes the files with which users run their own kernel on the inputs of a verification. Node only.
 *
 * - `inputs.safetensors`: hidden_states (f32) and attention_mask (i32)
 * - `weights.safetensors`: the layer's parameters (f32), by their Hugging Face names
 * - `layer.json`: sizes and conventions
 * - `dump.py`: a script that runs the kernel and writes the dump
 *
 * Must stay true: an existing `dump.py` is never overwritten, since a user may have put a kernel into it.
 */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deviationsOf } from "../../architectures/deviations.ts";
import {
  architectureOf,
  layerParameters,
  layerStagesOf,
  type ModelConfig,
  shapeOfStage,
  stageName,
} from "../../architectures/index.ts";
import { encodeSafetensors } from "../../checkpoint/safetensors.ts";
import { codeOf, InputError } from "../../errors.ts";
import { writeFailure } from "../../files/write-failure.ts";
import { jsonText } from "../../format/json.ts";
import { toFloat32 } from "../../tensor/half.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { dumpScript, verifyCommand } from "./dump-script.ts";

export interface InputsToWrite {
  /** [batch, sequence, hidden] */
  readonly hiddenStates: Tensor;
  /** [batch, sequence], 1 for a real position. */
  readonly attentionMask: Tensor<"i32">;
  /** By canonical name; those of other layers are ignored. */
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly config: ModelConfig;
  readonly layer: number;
  readonly modelName: string;
}

export interface WrittenInputs {
  readonly written: readonly string[];
  /** Paths of existing files with other contents, which were not changed. */
  readonly kept: readonly string[];
}

/**
 * @param folder created if it is missing.
 * @throws InputError if a parameter of the layer is missing or a file cannot be written, WriteError if the disk is full.
 */
export async function writeInputs(folder: string, inputs: InputsToWrite): Promise<WrittenInputs> {
  const { hiddenStates, attentionMask, modelName, layer } = inputs;
  const about = { model: modelName, layer: String(layer) };
  const states = new Map<string, Tensor>([
    ["hidden_states", asF32(hiddenStates)],
    ["attention_mask", attentionMask],
  ]);
  const files: readonly [string, Uint8Array | string][] = [
    ["inputs.safetensors", encodeSafetensors(states, about)],
    ["weights.safetensors", encodeSafetensors(layerWeights(inputs), about)],
    ["layer.json", `${jsonText(describeLayer(inputs), { indent: 2 })}\n`],
  ];
  const script = join(folder, "dump.py");
  const scriptText = dumpScript(inputs);
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, content] of files) await writeFile(join(folder, name), content);
    const kept = (await writeUnlessThere(script, scriptText)) ? [] : [script];
    const written = [...files.map(([name]) => join(folder, name)), script].filter((path) => !kept.includes(path));
    return { written, kept };
  } catch (cause) {
    throw writeFailure(`the folder of inputs ${folder}`, cause, {
      expected: "a folder that can be written to, with room for the layer's weights",
      kept: "Its files are not complete: make room, and run the same command again.",
    });
  }
}

/** @returns whether the file now has this content. */
async function writeUnlessThere(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    const found = await stat(path);
    return found.isFile() && found.size === Buffer.byteLength(text) && (await readFile(path, "utf8")) === text;
  }
}

function asF32(tensor: Tensor): Tensor<"f32"> {
  return { dtype: "f32", shape: tensor.shape, data: toFloat32(tensor) };
}

function layerWeights({ weights, config, layer }: InputsToWrite): Map<string, Tensor> {
  if (layer >= config.layers) {
    throw new InputError({ found: `there is no layer ${layer}`, expected: `0 to ${config.layers - 1}` });
  }
  const names = [...layerParameters(config, layer).keys()];
  return new Map(
    names.map((name) => {
      const tensor = weights.get(name);
      if (tensor === undefined) throw new InputError({ found: `the layer's parameter ${name} is not given` });
      return [name, asF32(tensor)];
    }),
  );
}

function describeLayer({ config, layer, modelName, hiddenStates }: InputsToWrite): object {
  const [batch = 0, sequence = 0] = hiddenStates.shape;
  const { hiddenSize, heads, intermediateSize, layerNormEps } = config;
  const headSize = hiddenSize / heads;
  return {
    model: modelName,
    layer,
    batch,
    sequence,
    hiddenSize,
    heads,
    headSize,
    intermediateSize,
    layerNormEps,
    attentionScale: 1 / Math.sqrt(headSize * (architectureOf(config).scoreTerms?.(config) ?? 1)),
    stages: Object.fromEntries(
      layerStagesOf(config).map((stage) => [stageName(layer, stage), shapeOfStage(stage, config, { batch, sequence })]),
    ),
    conventions: conventionsOf(config, layer),
    command: verifyCommand({ layer }),
  };
}

function conventionsOf(config: ModelConfig, layer: number): readonly string[] {
  const isTanh = deviationsOf(config, layer).some(({ id }) => id === "gelu-erf");
  const gelu = isTanh ? "x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))" : "x/2 · (1 + erf(x/√2))";
  const hasNormFirst = layerStagesOf(config).includes("mlp_norm");
  return [
    "Matrices are [out, in], row-major, as PyTorch's Linear keeps them: y = x Wᵀ + b.",
    "attention_mask is 1 for a real position and 0 for padding. Rows of padding are not compared.",
    "attention_scores are scaled, before the mask; what stands at masked keys is not compared.",
    `intermediate is after the GELU, ${gelu}${hasNormFirst ? ", and after its gate" : ""}.`,
    hasNormFirst
      ? "attention_output and output are after the residual, attention_output_dense and output_dense before."
      : "attention_output and output are after residual and LayerNorm, attention_output_dense and output_dense before.",
    "Dump the stages that your kernel writes, in its precision, under these names; leave out the others.",
  ];
}
