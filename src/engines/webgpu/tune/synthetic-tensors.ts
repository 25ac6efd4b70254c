/** Synthetic weights, to measure speed without a download. */
import { encodeF16 } from "../../../tensor/half.ts";
import { seededUniform } from "../../../tensor/random.ts";
import { elementCount } from "../../../tensor/tensor.ts";
import type { ReadParameter } from "../../engine.ts";

/**
 * The period of the noise: a prime, so that a matrix's rows differ. Generating all numbers of a BERT-base takes seconds, and
 * the GPU's clock and power depend on random numbers, not on unique ones.
 */
const period = 1_048_573;

/** Uniform, with BERT's initial standard deviation of about 0.02. */
function noise(length: number): Float32Array<ArrayBuffer> {
  const uniform = seededUniform(12_345);
  const block = new Float32Array(length);
  for (let index = 0; index < Math.min(period, length); index++) block[index] = 0.035 * (2 * uniform() - 1);
  repeat(block);
  return block;
}

function repeat(block: Float32Array | Uint16Array): void {
  for (let filled = period; filled < block.length; filled *= 2) block.copyWithin(filled, 0, filled);
}

function toHalves(block: Float32Array): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(block.length);
  for (let index = 0; index < Math.min(period, block.length); index++)
    halves[index] = encodeF16(block[index] as number);
  repeat(halves);
  return halves;
}

/**
 * Reads synthetic tensors by name: all are views of one block of noise.
 * @param half whether matrices are float16, which saves the conversion if the GPU stores them so.
 */
export function randomTensors(shapes: ReadonlyMap<string, readonly number[]>, half: boolean): ReadParameter {
  const longest = Math.max(...[...shapes.values()].map(elementCount));
  const values = noise(longest + shapes.size);
  const halves = half ? toHalves(values) : undefined;
  const offsets = new Map([...shapes.keys()].map((name, index) => [name, index]));
  return async (name) => {
    const shape = shapes.get(name) as readonly number[];
    const start = offsets.get(name) as number;
    const end = start + elementCount(shape);
    if (name.endsWith("LayerNorm.weight")) {
      return { dtype: "f32", shape, data: values.slice(start, end).map((value) => 1 + value) };
    }
    if (halves && shape.length > 1) return { dtype: "f16", shape, data: halves.subarray(start, end) };
    return { dtype: "f32", shape, data: values.subarray(start, end) };
  };
}
