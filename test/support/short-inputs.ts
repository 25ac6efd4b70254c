/**
 * The inputs of layer 0 of random-odd that its golden candidates had, cut short: the second sequence, 33 tokens, and some of
 * its padding. These 48 rows show whatever the 192 of all three sequences show, and take a quarter of the time.
 */
import type { Tensor } from "../../src/tensor/tensor.ts";
import { readGolden, required } from "./golden.ts";

const length = 48;

export async function shortInputs(): Promise<{ hiddenStates: Tensor; attentionMask: Tensor<"i32"> }> {
  const dump = await readGolden("random-odd/candidates/faithful.safetensors");
  const hidden = required(dump.get("hidden_states")) as Tensor<"f16">;
  const mask = required(dump.get("attention_mask")) as Tensor<"i32">;
  const [, sequence = 0, width = 0] = hidden.shape;
  return {
    hiddenStates: {
      ...hidden,
      shape: [1, length, width],
      data: hidden.data.slice(sequence * width, (sequence + length) * width),
    },
    attentionMask: { ...mask, shape: [1, length], data: mask.data.slice(sequence, sequence + length) },
  };
}
