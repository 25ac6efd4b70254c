/**
 * `fusebert export --onnx DIR`: writes the model as ONNX, in the folder layout of transformers.js and Optimum.
 */
import { Command, Option } from "commander";
import {
  type ExportOptions,
  type ExportPrecision,
  exportOnnx,
  exportPrecisions,
  type OnnxExport,
} from "../../export/export-onnx.ts";
import { displayable } from "../../format/displayable.ts";
import { jsonText } from "../../format/json.ts";
import { type ExitCode, exitCode, exitCodesHelp } from "../exit-codes.ts";
import { beforeExit } from "../interruption.ts";
import { type ModelOptions, modelOption, revisionOption } from "../model-options.ts";
import { print, tell, warn } from "../output.ts";
import { Progress } from "../progress.ts";
import { checkOutputFolder, writeFolder } from "./write-folder.ts";

interface ExportCommandOptions extends ModelOptions {
  readonly onnx: string;
  readonly precision: ExportPrecision;
  readonly force?: boolean;
  readonly json?: boolean;
}

const helpAfter = `
Writes onnx/model.onnx (with --precision f16 onnx/model_fp16.onnx), and the checkpoint's config.json and tokenizer beside
the folder onnx, where transformers.js and Optimum look for them. The file uses standard ONNX operators only, opset 18.

  --precision f32   float32
  --precision f16   half the bytes: float16, with LayerNorm, softmax and the sums before them in float32

Inputs are input_ids, attention_mask and token_type_ids, int64 [batch, sequence]; outputs are start_logits and end_logits,
float32 [batch, sequence]. docs/export.md has details, and shows how to run the file in other runtimes.

Examples:
  fusebert export --onnx exported                              the built-in model
  fusebert export --onnx exported --precision f16 --force      add its float16 version
  fusebert export --onnx squad2 --model deepset/bert-base-cased-squad2

${exitCodesHelp("0 exported")}
`;

export function exportCommand(signal: AbortSignal, finish: (code: ExitCode) => void): Command {
  return new Command("export")
    .description("Write the model as ONNX, for every other runtime.")
    .requiredOption("--onnx <folder>", "the folder to write, created if it is missing")
    .addOption(modelOption())
    .addOption(revisionOption())
    .addOption(
      new Option("-p, --precision <precision>", "of weights and matrix products")
        .choices([...exportPrecisions])
        .default("f32"),
    )
    .option("--force", "write into a folder that is not empty, replacing files of the same names")
    .option("--json", "print one JSON object (docs/export.md)")
    .addHelpText("after", helpAfter)
    .action(async (options: ExportCommandOptions) => finish(await run(options, signal)));
}

async function run(options: ExportCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const { onnx: folder, precision, model, revision, force, json } = options;
  const started = performance.now();
  await checkOutputFolder(folder, force === true);
  const exported = await exportTo(folder, model, { precision, ...(revision !== undefined && { revision }) }, signal);
  const ms = performance.now() - started;
  exported.warnings.forEach(warn);
  print(json === true ? renderJson(exported, folder, ms) : renderText(exported, folder));
  tellMissing(exported);
  return exitCode.exported;
}

async function exportTo(
  folder: string,
  model: string | undefined,
  options: ExportOptions,
  signal: AbortSignal,
): Promise<OnnxExport> {
  const progress = new Progress();
  try {
    const exported = await exportOnnx(model, {
      ...options,
      signal,
      onProgress: ({ phase, file, done, total }) =>
        progress.update(`${phase === "download" ? "Downloading" : "Making"} ${file}`, done, total),
    });
    const onWritten = (done: number, total: number): void => progress.update("Writing", done, total);
    // An interrupted write first removes its files.
    await beforeExit(() => writeFolder(folder, exported.files, signal, onWritten)).perform();
    return exported;
  } finally {
    progress.stop();
  }
}

function renderText({ model, precision, opset, files }: OnnxExport, folder: string): string {
  const lines = [...files].map(
    ([path, { length }]) => `  ${displayable(path).padEnd(24)} ${formatBytes(length).padStart(9)}\n`,
  );
  return `The model ${displayable(model)} as ONNX, ${precision}, opset ${opset}, in ${displayable(folder)}:\n\n${lines.join("")}`;
}

function renderJson({ model, precision, opset, files }: OnnxExport, folder: string, ms: number): string {
  const written = [...files].map(([path, { length }]) => ({ path, bytes: length }));
  return `${jsonText({ model, precision, opset, folder, files: written, timing: { exportMs: Math.round(ms) } })}\n`;
}

const formatBytes = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** The ONNX file needs no tokenizer, but a program that asks it questions does. */
function tellMissing({ model, files }: OnnxExport): void {
  if (files.has("tokenizer.json")) return;
  const what = files.has("vocab.txt")
    ? "has vocab.txt but no tokenizer.json, which transformers.js needs"
    : "has no tokenizer, so the folder has none: pipelines that take text need one";
  tell(`the model ${model} ${what}.`);
}
