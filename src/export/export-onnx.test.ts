/** A model too large for one ONNX file is recognised by its shapes alone. */
import { expect, test } from "vitest";
import { parseConfig } from "../architectures/bert/config.ts";
import { expectedParameters } from "../architectures/index.ts";
import { BytesSource } from "../checkpoint/byte-sources.ts";
import type { ByteSource, ModelFiles } from "../checkpoint/files.ts";
import { InputError } from "../errors.ts";
import { elementCount } from "../tensor/tensor.ts";
import { exportOnnx } from "./export-onnx.ts";

const config = JSON.stringify({
  model_type: "bert",
  vocab_size: 10_000_000,
  hidden_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 8,
});

/** A checkpoint of headers without data: reading a weight fails the test. */
const headersOnly: ModelFiles = {
  name: "huge",
  async open(path) {
    if (path === "config.json") return new BytesSource(new TextEncoder().encode(config), path);
    return path === "model.safetensors" ? weightsWithoutBytes() : undefined;
  },
};

function weightsWithoutBytes(): ByteSource {
  let end = 0;
  const entries = [...expectedParameters(parseConfig(config))].map(([name, shape]) => {
    const start = end;
    end += 2 * elementCount(shape);
    return [name, { dtype: "F16", shape, data_offsets: [start, end] }];
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const header = new Uint8Array(8 + json.length);
  new DataView(header.buffer).setBigUint64(0, BigInt(json.length), true);
  header.set(json, 8);
  return {
    size: header.length + end,
    async read(start, stop) {
      if (stop > header.length) throw new Error(`the weights at ${start} were read`);
      return header.subarray(start, stop);
    },
    close: async () => undefined,
  };
}

test("is rejected before a weight is read, with advice", async () => {
  const refused = await exportOnnx(headersOnly).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(InputError);
  expect(String(refused)).toMatch(/huge would be an ONNX file of 2\.6 GB; expected at most 2\.1 GB.*precision f16/);
});

test("is exported in float16, where it fits", async () => {
  await expect(exportOnnx(headersOnly, { precision: "f16" })).rejects.toThrow(/the weights at \d+ were read/);
});
