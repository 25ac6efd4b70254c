/**
 * What an exported model computes in plain ONNX Runtime, against what PyTorch and Hugging Face's own BERT computed.
 */
import type { InferenceSession } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TokenSequence } from "../src/architectures/inputs.ts";
import { FolderFiles } from "../src/checkpoint/node/folder-files.ts";
import { type ExportPrecision, exportOnnx } from "../src/export/export-onnx.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { openExported, runExported, runRaw } from "./support/exported-model.ts";
import { goldenFolder, readGolden, required } from "./support/golden.ts";

const randomOdd = () => new FolderFiles(`${goldenFolder}/random-odd`);
const ids = (tensor: Tensor): bigint[] => Array.from(tensor.data, BigInt);
const data = (tensor: Tensor): number[] => Array.from(tensor.data, Number);

/** The largest difference where `counts`; a NaN counts as one. */
function worst(actual: Float32Array, expected: readonly number[], counts = (_: number) => true): number {
  const differences = expected.map((value, index) => {
    const difference = Math.abs(value - (actual[index] ?? Number.NaN));
    return counts(index) ? (Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference) : 0;
  });
  return Math.max(...differences);
}

/** The largest error allowed of a logit. PyTorch in float16 is off by 0.02 to 0.03 on a model of this depth. */
const cases: readonly { precision: ExportPrecision; path: string; tolerance: number; optimized: boolean }[] = [
  { precision: "f32", path: "onnx/model.onnx", tolerance: 1e-4, optimized: false },
  { precision: "f32", path: "onnx/model.onnx", tolerance: 1e-4, optimized: true },
  { precision: "f16", path: "onnx/model_fp16.onnx", tolerance: 0.01, optimized: false },
  { precision: "f16", path: "onnx/model_fp16.onnx", tolerance: 0.01, optimized: true },
];

describe.each(cases)(
  "the built-in model, $precision, optimized: $optimized",
  ({ precision, path, tolerance, optimized }) => {
    let session: InferenceSession;
    let golden: Map<string, Tensor>;
    const of = (name: string) => required(golden.get(name), name);
    const question = (index: number): TokenSequence => ({
      inputIds: Int32Array.from(data(of(`${index}.input_ids`))),
      tokenTypeIds: Int32Array.from(data(of(`${index}.token_type_ids`))),
    });

    beforeAll(async () => {
      const { files } = await exportOnnx(undefined, { precision });
      session = await openExported(required(files.get(path)), optimized);
      golden = await readGolden("model/golden.safetensors");
    });
    afterAll(() => session.release());

    test("takes and gives what Hugging Face's own exports do", () => {
      expect([...session.inputNames].sort()).toEqual(["attention_mask", "input_ids", "token_type_ids"]);
      expect(session.outputNames).toEqual(["start_logits", "end_logits"]);
      for (const { name, ...info } of [...session.inputMetadata, ...session.outputMetadata]) {
        const type = name.endsWith("_logits") ? "float32" : "int64";
        expect(info, name).toMatchObject({ isTensor: true, type, shape: ["batch", "sequence"] });
      }
    });

    test("the logits are Hugging Face's, on three questions", async () => {
      for (const index of [0, 1, 2]) {
        const { start, end, dims } = await runExported(session, [question(index)]);
        expect(dims).toEqual([1, question(index).inputIds.length]);
        expect(worst(start, data(of(`${index}.start_logits`)))).toBeLessThanOrEqual(tolerance);
        expect(worst(end, data(of(`${index}.end_logits`)))).toBeLessThanOrEqual(tolerance);
      }
    });

    test("a row's logits do not depend on the padding it is batched with", async () => {
      const rows = [0, 1, 2].map(question);
      const batch = await runExported(session, rows);
      const sequence = required(batch.dims[1]);
      for (const [row, single] of rows.entries()) {
        const alone = await runExported(session, [single]);
        const part = batch.start.subarray(row * sequence, row * sequence + single.inputIds.length);
        // Float32 sums in another order; in float16 that can turn a rounding.
        expect(worst(part, [...alone.start])).toBeLessThanOrEqual(precision === "f32" ? 2e-5 : tolerance);
      }
    });

    test("a row with everything masked is finite, and leaves the others alone", async () => {
      const { inputIds, tokenTypeIds } = question(0);
      const length = inputIds.length;
      const alone = await runExported(session, [question(0)]);
      const twice = (values: Int32Array): bigint[] => [...values, ...values].map(BigInt);
      const { start, end } = await runRaw(session, [2, length], {
        input_ids: twice(inputIds),
        token_type_ids: twice(tokenTypeIds),
        attention_mask: Array.from({ length: 2 * length }, (_, index) => (index < length ? 1n : 0n)),
      });
      expect([...start, ...end].every(Number.isFinite)).toBe(true);
      const part = start.subarray(0, length);
      expect(worst(part, [...alone.start])).toBeLessThanOrEqual(precision === "f32" ? 2e-5 : tolerance);
    });
  },
);

describe("a model of odd shape, without a tokenizer", () => {
  test("computes the golden logits of a padded batch", async () => {
    const { files, opset } = await exportOnnx(randomOdd());
    expect(opset).toBeGreaterThanOrEqual(17);
    const session = await openExported(required(files.get("onnx/model.onnx")));
    const golden = await readGolden("random-odd/golden.safetensors");
    const of = (name: string) => required(golden.get(name), name);
    const mask = of("attention_mask");
    const { start, end } = await runRaw(session, mask.shape, {
      input_ids: ids(of("input_ids")),
      token_type_ids: ids(of("token_type_ids")),
      attention_mask: ids(mask),
    });
    const isReal = (index: number) => Number(mask.data[index]) !== 0;
    for (const source of ["", "hf_"]) {
      expect(worst(start, data(of(`${source}start_logits`)), isReal)).toBeLessThanOrEqual(1e-4);
      expect(worst(end, data(of(`${source}end_logits`)), isReal)).toBeLessThanOrEqual(1e-4);
    }
    await session.release();
  });

  test("is the model and its configuration, and nothing else", async () => {
    const { files, model } = await exportOnnx(randomOdd(), { precision: "f16" });
    expect([...files.keys()]).toEqual(["onnx/model_fp16.onnx", "config.json"]);
    expect(model).toMatch(/random-odd$/);
  });
});

describe("exporting", () => {
  test("brings the checkpoint's own files, byte for byte", async () => {
    const { files } = await exportOnnx();
    expect([...files.keys()]).toEqual([
      "onnx/model.onnx",
      "config.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "vocab.txt",
    ]);
    const original = await new FolderFiles("models/builtin").open("tokenizer.json");
    expect(files.get("tokenizer.json")).toEqual(await original?.read(0, original.size));
    await original?.close();
  });

  test("tells of every weight, and stops when it is told to", async () => {
    const done: number[] = [];
    const controller = new AbortController();
    const reason = new Error("enough");
    const exporting = exportOnnx(randomOdd(), {
      signal: controller.signal,
      onProgress: (progress) => {
        done.push(progress.done);
        if (progress.done === 5) controller.abort(reason);
      },
    });
    await expect(exporting).rejects.toBe(reason);
    expect(done).toEqual([1, 2, 3, 4, 5]);
  });

  test("refuses a precision that is none", async () => {
    await expect(exportOnnx(randomOdd(), { precision: "f64" as "f32" })).rejects.toThrow(/"f64"; expected f32 or f16/);
  });
});
