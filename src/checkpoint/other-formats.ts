/** The error for a model without weights that can be read: names their format and how to convert it. */
import { CheckpointError } from "../errors.ts";
import type { ModelFiles, OpenOptions } from "./files.ts";

/** Files of unsupported formats, with transformers' argument for them. */
const FORMATS: readonly { readonly file: string; readonly flag: string }[] = [
  { file: "tf_model.h5", flag: ", from_tf=True" },
  { file: "flax_model.msgpack", flag: ", from_flax=True" },
];

const ONNX = ["model.onnx", "onnx/model.onnx"];

/**
 * Returns the error for a model without weights.
 * @param accepted the files that would be accepted.
 */
export async function noWeightsError(
  files: ModelFiles,
  accepted: readonly string[],
  options?: OpenOptions,
): Promise<CheckpointError> {
  const expected = `${accepted.slice(0, -1).join(", ")} or ${accepted.at(-1)}`;
  for (const { file, flag } of FORMATS) {
    if (await exists(files, file, options)) {
      const found = `${files.name} has its weights only in ${file}`;
      return new CheckpointError({ found, expected, advice: conversion(files.name, flag) });
    }
  }
  for (const file of ONNX) {
    if (await exists(files, file, options)) {
      const found = `${files.name} has its weights only in ${file}, which cannot be converted back into a checkpoint`;
      return new CheckpointError({ found, expected, advice: "Use the checkpoint that it was exported from." });
    }
  }
  const others = [...FORMATS.map(({ file }) => file), ...ONNX].join(", ");
  return new CheckpointError({
    found: `${files.name} has no weights: none of ${[...accepted, others].join(", ")}`,
    expected,
    advice: "Check that it is the folder, URL or id of a model, and that its weights are there.",
  });
}

/** Whether there is such a file, without downloading it. */
async function exists(files: ModelFiles, path: string, options?: OpenOptions): Promise<boolean> {
  const found = new AbortController();
  const signal = AbortSignal.any(options?.signal ? [options.signal, found.signal] : [found.signal]);
  try {
    const source = await files.open(path, { signal, onProgress: () => found.abort() });
    await source?.close();
    return source !== undefined;
  } catch (error) {
    if (found.signal.aborted) return true;
    throw error;
  }
}

function conversion(model: string, flag: string): string {
  const source = /^https?:/.test(model) ? "the folder with its files" : model;
  const load = `AutoModelForQuestionAnswering.from_pretrained(${JSON.stringify(source)}${flag})`;
  const save = "save_pretrained('converted', safe_serialization=True)";
  return (
    'Convert it in Python, then add the tokenizer\'s files to the folder "converted" and open that: ' +
    `from transformers import AutoModelForQuestionAnswering; ${load}.${save}`
  );
}
