/**
 * `fusebert verify`: proves that a layer computes what the original computes, or says what it does instead.
 */
import { Command, Option } from "commander";
import { type Checkpoint, openCheckpoint } from "../../architectures/checkpoint.ts";
import { layerProgram } from "../../architectures/index.ts";
import { gpuPrecisions } from "../../engines/webgpu/device/precision.ts";
import { InputError } from "../../errors.ts";
import { displayable } from "../../format/displayable.ts";
import { findModel } from "../../platform/node/find-model.ts";
import { devices } from "../../platform/platform.ts";
import { readParameters } from "../../verify/layer/layer-under-test.ts";
import { precisions } from "../../verify/layer/precision.ts";
import { writeInputs } from "../../verify/node/write-inputs.ts";
import type { VerifyReport } from "../../verify/report/report.ts";
import { reportToJson } from "../../verify/report/report-json.ts";
import { defaultBudgetLimit } from "../../verify/report/verdict.ts";
import { verify } from "../../verify/verify.ts";
import { type ExitCode, exitCode, exitCodesHelp } from "../exit-codes.ts";
import { addGpuOptions } from "../gpu-options.ts";
import { modelOption, revisionOption } from "../model-options.ts";
import { print, warn } from "../output.ts";
import { atLeastOne, collect, finiteNumber, wholeNumber } from "../parse-options.ts";
import { StatusLine } from "../progress.ts";
import { writeOut } from "../write-out.ts";
import { type Chosen, chooseCandidates } from "./candidates.ts";
import { chooseText, layerInputs } from "./inputs.ts";
import type { VerifyCommandOptions } from "./options.ts";
import { renderCandidate, renderEmbeddings, renderHeading, renderSummary, renderUnitWeights } from "./render.ts";

const helpAfter = `
Without --candidate the engines of --device are verified. A candidate is a file of dumped tensors (safetensors, or a
folder of .npy files) named layer.N.query, layer.N.output, … with hidden_states and attention_mask, or the name of a kernel
to imitate: souffle, no-bias, relu, gelu-tanh, no-mask, scale:hidden, swap-query-key, transposed:query, …

Verdicts: IDENTICAL; GOOD: at most 2 times the budget, the error of an ordinary implementation of the same precision; FAIR: at
most 10 % relative L2; POOR: more; NON-FINITE; INCONCLUSIVE.

Examples:
  fusebert verify                                     the whole demonstration, on the built-in model
  fusebert verify --write-inputs port                 inputs, weights and a script to dump your kernel's stages
  fusebert verify --candidate candidate.safetensors --inputs port/inputs.safetensors
  fusebert verify --candidate souffle --html report.html
  fusebert verify --layer all --json report.json
  fusebert verify --device webgpu --precision f16

${exitCodesHelp("0 everything is GOOD or IDENTICAL and every layout is as expected, 1 otherwise")}
`;

export function verifyCommand(signal: AbortSignal, finish: (code: ExitCode) => void): Command {
  const command = new Command("verify")
    .description("Prove that a layer computes what the original computes, or say what it does instead.")
    .option("-c, --candidate <file|name>", "a dump, or a kernel to imitate (repeatable for names)", collect, [])
    .option("--inputs <file>", "hidden_states and attention_mask that the dump lacks")
    .addOption(modelOption("the original: "))
    .addOption(revisionOption())
    .option("-l, --layer <n|all>", "which encoder layer", "0")
    .addOption(
      new Option(
        "-d, --device <device>",
        "engines to verify; auto is cpu (wasm without onnxruntime-node) and reference",
      )
        .choices([...devices])
        .default("auto"),
    )
    .option("--threads <n>", "CPU threads", atLeastOne)
    .addOption(
      new Option(
        "-p, --precision <precision>",
        "of the candidate (default: the dump's; webgpu: f16 where the GPU has it, else f32)",
      ).choices(["auto", ...new Set([...precisions, ...gpuPrecisions])]),
    );
  return addGpuOptions(command)
    .option("-t, --text <text>", "text whose embeddings are the input (default: a built-in passage)")
    .option("--context <file>", "a file with that text, - for standard input")
    .option("--sequence-length <n>", "pad or cut the text to n tokens", atLeastOne)
    .option("--budget <x>", "the largest error that is GOOD, in budgets (default: 2)", finiteNumber)
    .option("--seed <n>", "seed of generated inputs", wholeNumber, 0)
    .option("--json <file>", "write the report as JSON, - for standard output")
    .option("--html <file>", "write the report as one self-contained HTML file")
    .option("--write-inputs <folder>", "write the layer's inputs and weights for a kernel of your own, then stop")
    .addHelpText("after", helpAfter)
    .action(async (options: VerifyCommandOptions) => finish(await run(options, signal)));
}

async function run(options: VerifyCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  checkOptions(options);
  const files = await findModel({ model: options.model, revision: options.revision });
  const status = new StatusLine();
  const checkpoint = await openCheckpoint(files, { signal });
  try {
    const layers = chooseLayers(options.layer, checkpoint.config.layers);
    if (options.writeInputs !== undefined) return await exportInputs(options, checkpoint, layers, signal);
    const chosen = await chooseCandidates(options, checkpoint, layers, signal);
    const report = await verifyAll(options, checkpoint, chosen, status, signal);
    await writeReports(options, report);
    return report.passed ? exitCode.matched : exitCode.deviates;
  } finally {
    status.clear();
    checkpoint.warnings.forEach(warn);
    await checkpoint.close();
  }
}

function checkOptions({ budget, text, context }: VerifyCommandOptions): void {
  if (budget !== undefined && budget <= 0) {
    throw new InputError({ found: `--budget is ${budget}`, expected: "a number above 0" });
  }
  if (text !== undefined && context !== undefined) {
    throw new InputError({ found: "both --text and --context are given", expected: "one text" });
  }
}

function chooseLayers(choice: string, count: number): number[] {
  if (choice === "all") return Array.from({ length: count }, (_, layer) => layer);
  const layer = Number(choice);
  if (/^\d+$/.test(choice) && layer < count) return [layer];
  throw new InputError({
    found: `--layer is ${JSON.stringify(choice)}`,
    expected: `0 to ${count - 1}, the layers of this model, or all`,
  });
}

async function exportInputs(
  options: VerifyCommandOptions,
  checkpoint: Checkpoint,
  [layer = 0, ...others]: readonly number[],
  signal: AbortSignal,
): Promise<ExitCode> {
  if (others.length > 0) {
    throw new InputError({
      found: "--write-inputs with --layer all",
      expected: "one layer",
      advice: "Give its number.",
    });
  }
  const { config, name } = checkpoint;
  const text = await chooseText(options, signal);
  const inputs = await layerInputs(checkpoint, layer, text, options.sequenceLength, options.seed);
  const weights = await readParameters(layerProgram(config, layer), (parameter) => checkpoint.weights.read(parameter));
  const { written, kept } = await writeInputs(options.writeInputs ?? ".", {
    ...inputs,
    weights,
    config,
    layer,
    modelName: name,
  });
  for (const path of written) print(`Wrote ${displayable(path)}\n`);
  for (const path of kept) print(`Kept ${displayable(path)}, which exists and differs\n`);
  return exitCode.matched;
}

/** Runs the verification and prints every part as soon as it is known. */
async function verifyAll(
  options: VerifyCommandOptions,
  checkpoint: Checkpoint,
  { layers, inputs, embeddings, candidates }: Chosen,
  status: StatusLine,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const show = (part: string): void => {
    status.clear();
    if (options.json !== "-") print(`${part}\n`);
  };
  const [batch = 0, sequence = 0] = inputs.attentionMask.shape;
  const { name: model, config } = checkpoint;
  const budgetLimit = options.budget ?? defaultBudgetLimit;
  show(renderHeading({ model, batch, sequence, hidden: config.hiddenSize, seed: options.seed, budgetLimit }));
  const report = await verify({
    model: { name: checkpoint.name, config: checkpoint.config, read: (name) => checkpoint.weights.read(name) },
    layers,
    inputs,
    candidates,
    ...(embeddings && { embeddings }),
    budgetLimit,
    seed: options.seed,
    signal,
    onStep: (step) => status.show(step),
    onUnitWeights: (reports) => show(renderUnitWeights(reports)),
    onEmbeddings: (part) => show(renderEmbeddings(part)),
    onCandidate: (part) => show(renderCandidate(part, budgetLimit)),
  });
  show(renderSummary(report));
  return report;
}

async function writeReports({ json, html }: VerifyCommandOptions, report: VerifyReport): Promise<void> {
  if (json === "-") print(reportToJson(report));
  else if (json !== undefined) await writeOut(json, reportToJson(report));
  if (html === undefined) return;
  // Imported on demand: the plotting library takes longer to load than the rest of the command.
  const { renderHtml } = await import("../../verify/html/page.ts");
  await writeOut(html, renderHtml(report));
}
