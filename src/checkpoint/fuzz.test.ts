/**
 * Ten thousand damaged headers and as many damaged configurations: each is read or refused with a CheckpointError, and
 * no more is ever asked of a file than it has. The seeds are fixed, so a failure can be repeated by its number.
 */
import { expect, test } from "vitest";
import { CheckpointError } from "../errors.ts";
import { seededUniform } from "../tensor/random.ts";
import { elementCount, type Tensor } from "../tensor/tensor.ts";
import { parseConfig } from "./config.ts";
import { encodeSafetensors, openSafetensors, type SafetensorsFile } from "./safetensors.ts";
import { GuardedSource } from "./testing/guarded-source.ts";
import { mutate } from "./testing/mutate.ts";
import { tinyConfigJson, utf8 } from "./testing/tiny-model.ts";

const ROUNDS = 10_000;
/** What the tensors below take: 24 + 8 + 8 bytes. */
const DATA_BYTES = 40;

function rethrowDefect(error: unknown, seed: number): void {
  if (!(error instanceof CheckpointError)) throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
  expect(error.message.length, `seed ${seed}: a message that can be read`).toBeLessThan(2000);
}

async function checkFile(file: SafetensorsFile, size: number): Promise<void> {
  let bytes = 0;
  for (const [name, { start, end, shape }] of file.tensors) {
    expect(start <= end && end <= size).toBe(true);
    bytes += end - start;
    const tensor = await file.read(name).catch((error: unknown) => {
      if (!(error instanceof CheckpointError)) throw error;
    });
    if (tensor !== undefined) expect(tensor.data.length).toBe(elementCount(shape));
  }
  expect(bytes).toBeLessThan(size);
}

test("mutated safetensors files", async () => {
  const tensors = new Map<string, Tensor>([
    ["a", { dtype: "f32", shape: [2, 3], data: new Float32Array(6) }],
    ["b", { dtype: "f16", shape: [4], data: new Uint16Array(4) }],
    ["mask", { dtype: "i32", shape: [1, 2], data: new Int32Array(2) }],
    ["none", { dtype: "u8", shape: [0], data: new Uint8Array() }],
  ]);
  const original = encodeSafetensors(tensors, { format: "pt" });
  let read = 0;
  for (let seed = 0; seed < ROUNDS; seed++) {
    const bytes = mutate(original, original.length - DATA_BYTES, seededUniform(seed));
    // Half of them get a right length field, or damage to the JSON would hardly ever be reached.
    if (seed % 2 === 0 && bytes.length >= 8 + DATA_BYTES) {
      new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(0, BigInt(bytes.length - 8 - DATA_BYTES), true);
    }
    const source = new GuardedSource(bytes);
    try {
      await checkFile(await openSafetensors(source, "m"), bytes.length);
      read++;
    } catch (error) {
      rethrowDefect(error, seed);
      expect(source.closed).toBe(1);
    }
  }
  expect(read, "some mutations must be harmless, or nothing was tested").toBeGreaterThan(ROUNDS / 100);
});

test("mutated config.json", () => {
  const original = utf8(JSON.stringify(tinyConfigJson, null, 2));
  let read = 0;
  for (let seed = 0; seed < ROUNDS; seed++) {
    const text = new TextDecoder().decode(mutate(original, original.length, seededUniform(seed)));
    try {
      const { layerNormEps, padTokenId, ...sizes } = parseConfig(text);
      expect(layerNormEps > 0 && layerNormEps < Number.POSITIVE_INFINITY).toBe(true);
      expect(padTokenId >= 0 && padTokenId < sizes.vocabSize).toBe(true);
      for (const size of Object.values(sizes)) expect(Number.isInteger(size) && size >= 1 && size < 2 ** 31).toBe(true);
      expect(sizes.hiddenSize % sizes.heads).toBe(0);
      read++;
    } catch (error) {
      rethrowDefect(error, seed);
    }
  }
  expect(read).toBeGreaterThan(ROUNDS / 100);
});
