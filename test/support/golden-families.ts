/**
 * A tiny checkpoint of each family, and what Hugging Face's transformers computes from it in float64.
 *
 * Weights and ids are formulas, the same as in test/fixtures/families/make_golden.py, so that only results are stored.
 *
 * Must stay true: every value is exact in float32 and depends on the parameter's name and place alone.
 */
import { readFile } from "node:fs/promises";
import { brotliDecompressSync } from "node:zlib";
import { expectedParameters, type ModelConfig, parseModelConfig } from "../../src/architectures/index.ts";
import { attentionMask, batchInputs, type TokenSequence } from "../../src/architectures/inputs.ts";
import { MemoryFiles } from "../../src/checkpoint/memory-files.ts";
import { openSafetensors } from "../../src/checkpoint/safetensors.ts";
import { toFloat64 } from "../../src/tensor/half.ts";
import { elementCount, type Tensor } from "../../src/tensor/tensor.ts";
import { repositoryRoot, required } from "./golden.ts";

const folder = `${repositoryRoot}test/fixtures/families`;

/** In tokens, of the two sequences of the batch. */
export const goldenLengths: readonly number[] = [40, 27];

export interface GoldenFamily {
  readonly name: string;
  readonly config: ModelConfig;
}

const configs: Readonly<Record<string, object>> = JSON.parse(await readFile(`${folder}/configs.json`, "utf8"));

export const goldenFamilies: readonly GoldenFamily[] = await Promise.all(
  Object.entries(configs).map(async ([name, config]) => ({
    name,
    config: await parseModelConfig(JSON.stringify(config), name),
  })),
);

/** A parameter's values, by its canonical name. */
export function goldenParameter(config: ModelConfig): (name: string) => Promise<Tensor<"f32">> {
  const shapes = expectedParameters(config);
  return async (name) => {
    const shape = required(shapes.get(name), name);
    const isScale = /norm/i.test(name) && name.endsWith(".weight");
    const [center, width] = isScale ? [1, 0.5] : [0, name.includes("embeddings") ? 2 : 0.5];
    const seed = fnv1a(name);
    const data = Float32Array.from({ length: elementCount(shape) }, (_, index) => center + width * drawn(seed, index));
    return { dtype: "f32", shape, data };
  };
}

/** The hash of Fowler, Noll and Vo, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** From −½ to ½ in steps of 2⁻²⁴, by the finaliser of MurmurHash3. */
function drawn(seed: number, index: number): number {
  let bits = (seed + Math.imul(index, 0x9e3779b9)) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  bits ^= bits >>> 16;
  return (bits >>> 8) / 2 ** 24 - 0.5;
}

/** The inputs of the golden batch, padded. */
export function goldenInputs(config: ModelConfig): Map<string, Tensor> {
  const batch = goldenLengths.map((length, row): TokenSequence => {
    return {
      inputIds: Int32Array.from({ length }, (_, index) => ((index * 37 + row * 11) % 90) + 5),
      tokenTypeIds: Int32Array.from({ length }, (_, index) => (config.tokenTypes > 1 && index > 9 ? 1 : 0)),
    };
  });
  return new Map([...batchInputs(batch, config), ["attention_mask", attentionMask(batch)]]);
}

/** ‖found − wanted‖ / ‖wanted‖ over the rows before each sequence's end. */
export function goldenError(found: Tensor, wanted: Tensor): number {
  const [actual, expected] = [toFloat64(found), toFloat64(wanted)];
  const [, sequence = 0] = wanted.shape;
  const width = wanted.shape[2] ?? 1;
  let [error, norm] = [0, 0];
  goldenLengths.forEach((length, row) => {
    const start = row * sequence * width;
    for (let index = start; index < start + length * width; index++) {
      error += (required(actual[index]) - required(expected[index])) ** 2;
      norm += required(expected[index]) ** 2;
    }
  });
  return Math.sqrt(error / norm);
}

/** Golden tensors by `FAMILY/NAME`: `start_logits`, `end_logits`, and `hidden_states.N` as transformers numbers them. */
export async function readGoldenFamilies(): Promise<Map<string, Tensor>> {
  const files = new MemoryFiles({ golden: brotliDecompressSync(await readFile(`${folder}/golden.safetensors.br`)) });
  const file = await openSafetensors(required(await files.open("golden")), "golden.safetensors");
  const tensors = new Map<string, Tensor>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  return tensors;
}
