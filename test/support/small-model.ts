/**
 * A random BERT, one narrow layer with the built-in model's vocabulary: answers are nonsense, but a window takes a
 * millisecond, so that what depends on many windows can be tested with many.
 */
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseConfig } from "../../src/architectures/bert/config.ts";
import { expectedParameters } from "../../src/architectures/index.ts";
import { encodeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { seededUniform } from "../../src/tensor/random.ts";
import { elementCount, type Tensor } from "../../src/tensor/tensor.ts";
import { builtInFolder } from "./golden.ts";

const config = {
  model_type: "bert",
  vocab_size: 12_288,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 512,
};

const uniform = seededUniform(1);

/**
 * Writes the model to a folder, which is made.
 * @param element makes the elements of its weights, one after another.
 */
export async function writeSmallModel(folder: string, element = () => 2 * uniform() - 1): Promise<string> {
  const json = JSON.stringify(config);
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of expectedParameters(parseConfig(json))) {
    const data = Float32Array.from({ length: elementCount(shape) }, element);
    tensors.set(name, { dtype: "f32", shape, data });
  }
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), json);
  await writeFile(join(folder, "model.safetensors"), encodeSafetensors(tensors));
  await copyFile(join(builtInFolder, "tokenizer.json"), join(folder, "tokenizer.json"));
  return folder;
}
