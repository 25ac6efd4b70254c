/** What to say when a model has no safetensors: which other format it has, and how to convert that. */
import { CheckpointError } from "../errors.ts";
import type { ModelFiles, OpenOptions } from "./files.ts";

/** Files that hold the weights in a way that fusebert does not read, and what transformers calls that format. */
const FORMATS: readonly { readonly file: string; readonly flag: string }[] = [
  { file: "pytorch_model.bin", flag: "" },
  { file: "pytorch_model.bin.index.json", flag: "" },
  { file: "tf_model.h5", flag: ", from_tf=True" },
  { file: "flax_model.msgpack", flag: ", from_flax=True" },
];

const ONNX = ["model.onnx", "onnx/model.onnx"];

/**
 * The error for a model without the files that were `lookedFor`.
 * @returns it, for the caller to throw.
 */
export async function noWeightsError(
  files: ModelFiles,
  lookedFor: readonly string[],
  options?: OpenOptions,
): Promise<CheckpointError> {
  const expected = lookedFor.join(" or ");
  for (const { file, flag } of FORMATS) {
    if (await exists(files, file, options)) {
      const found = `${files.name} has its weights only in ${file}`;
      return new CheckpointError({ found, expected, advice: conversion(files.name, flag) });
    }
  }
  for (const file of ONNX) {
    if (await exists(files, file, options)) {
      const found = `${files.name} has its weights only in ${file}, which cannot be turned back into a checkpoint`;
      return new CheckpointError({ found, expected, advice: "Use the checkpoint that it was exported from." });
    }
  }
  const others = [...FORMATS.map(({ file }) => file), ...ONNX].join(", ");
  return new CheckpointError({
    found: `${files.name} has no weights: neither safetensors nor any of ${others}`,
    expected,
    advice: "Check that it is the folder, URL or id of a model, and that its weights are there.",
  });
}

/** Whether there is such a file, without downloading it: it may be large, and it is only wanted for a message. */
async function exists(files: ModelFiles, path: string, options?: OpenOptions): Promise<boolean> {
  const enough = new AbortController();
  const signal = AbortSignal.any(options?.signal ? [options.signal, enough.signal] : [enough.signal]);
  try {
    const source = await files.open(path, { signal, onProgress: () => enough.abort() });
    await source?.close();
    return source !== undefined;
  } catch (error) {
    if (enough.signal.aborted) return true;
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
