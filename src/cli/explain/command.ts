/**
 * `fusebert explain`: lists the kernels that the WebGPU engine runs for a model, and the cost of each.
 *
 * It reads the model's config.json alone: no weights, and no GPU is needed.
 */

import { Command, Option } from "commander";
import { openConfig } from "../../architectures/checkpoint.ts";
import type { ModelConfig } from "../../architectures/index.ts";
import { type GpuPrecision, gpuPrecisions } from "../../engines/webgpu/device/precision.ts";
import type { KernelDescription } from "../../engines/webgpu/explain/describe.ts";
import { explainLevel, explainLevels, kernelSources } from "../../engines/webgpu/explain/explain.ts";
import { InputError } from "../../errors.ts";
import { findModel } from "../../platform/node/find-model.ts";
import { bestLevel, type Level, levels } from "../../schedule/levels.ts";
import { version } from "../../version.ts";
import { type ExitCode, exitCode, exitCodesHelp } from "../exit-codes.ts";
import { type ModelOptions, modelOption, revisionOption } from "../model-options.ts";
import { print } from "../output.ts";
import { atLeastOne } from "../parse-options.ts";
import { writeOut } from "../write-out.ts";
import { type ExplainSettings, explainToJson, formerKind, renderExplanation } from "./render.ts";

interface ExplainCommandOptions extends ModelOptions {
  readonly level: Level;
  readonly precision: GpuPrecision;
  readonly tokens?: number;
  readonly allLayers?: boolean;
  readonly json?: boolean;
  readonly html?: string;
  readonly wgsl?: string;
}

const helpAfter = `
A kernel is one dispatch on the GPU: it reads tensors, computes, and writes tensors. Fusion stores fewer tensors between:
  O0  one kernel per operation, as the model is written
  O1  matmuls of the same operand become one (query, key, value)
  O2  elementwise operations join the kernel before them; softmax, LayerNorm and attention are one kernel each
  O3  LayerNorm is folded into the matmuls around it
  O4  attention and feed-forward are subprograms that end with a LayerNorm kernel: the fastest on tensor cores

FLOP/byte is the arithmetic intensity: below the GPU's own ratio a kernel is memory-bound, above it compute-bound.
docs/explain.md defines how FLOPs and bytes are counted, and the JSON.

Examples:
  fusebert explain                                    the built-in model at the best level
  fusebert explain --level O0 --all-layers            every operation of every layer
  fusebert explain --precision f16 --tokens 128       half the bytes, shorter texts
  fusebert explain --html levels.html                 a graph of what merged from level to level
  fusebert explain --wgsl layer.0.attention.0         the source of one kernel
  fusebert explain --json | jq '.ladder[] | {level, kernels: .totals.kernels}'

${exitCodesHelp("0 explained")}
`;

export function explainCommand(signal: AbortSignal, finish: (code: ExitCode) => void): Command {
  return new Command("explain")
    .description("Show what the WebGPU engine runs: kernels, what each fused, FLOPs, bytes and memory.")
    .addOption(modelOption())
    .addOption(revisionOption())
    .addOption(new Option("-l, --level <level>", "optimisation level").choices([...levels]).default(bestLevel))
    .addOption(
      new Option("-p, --precision <precision>", "of weights and activations")
        .choices([...gpuPrecisions])
        .default("f32"),
    )
    .option("-n, --tokens <n>", "tokens of the sequence (default: 384, or the model's longest)", atLeastOne)
    .option("--all-layers", "print every layer, also those identical to the one before")
    .option("--json", "print one JSON object (docs/explain.md)")
    .option("--html <file>", "write a graph of all levels as one self-contained HTML file")
    .addOption(
      new Option("--wgsl <kernel>", "print the source of a kernel, by its index or name in --json").conflicts([
        "json",
        "html",
        "allLayers",
      ]),
    )
    .addHelpText("after", helpAfter)
    .action(async (options: ExplainCommandOptions) => finish(await run(options, signal)));
}

const DEFAULT_TOKENS = 384;

async function run(options: ExplainCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const { level, precision, html } = options;
  const files = await findModel({ model: options.model, revision: options.revision });
  const { config } = await openConfig(files, { signal });
  const tokens = options.tokens ?? Math.min(DEFAULT_TOKENS, config.maxPositions);
  checkTokens(tokens, config);
  if (options.wgsl !== undefined) {
    const { index } = findKernel(explainLevel(config, level, precision, tokens).kernels, options.wgsl, level);
    print(`${kernelSources(config, level, precision, tokens)[index]?.trimEnd()}\n`);
    return exitCode.answered;
  }
  const settings: ExplainSettings = { version, model: files.name, config, level, precision, tokens };
  const ladder = explainLevels(config, precision, tokens);
  const chosen =
    ladder.find((description) => description.level === level) ?? explainLevel(config, level, precision, tokens);
  if (html !== undefined) {
    // Imported on demand, because it imports the graph layout library.
    const { renderExplainHtml } = await import("./html.ts");
    await writeOut(html, renderExplainHtml(settings, ladder));
  }
  const render = options.json === true ? explainToJson : renderExplanation;
  print(render(settings, chosen, ladder, options.allLayers === true));
  return exitCode.answered;
}

function checkTokens(tokens: number, { maxPositions }: ModelConfig): void {
  if (tokens <= maxPositions) return;
  throw new InputError({
    found: `--tokens is ${tokens}`,
    expected: `at most ${maxPositions}, the positions of this model`,
  });
}

/** @throws InputError that lists the kernels. */
function findKernel(kernels: readonly KernelDescription[], wanted: string, level: Level): KernelDescription {
  const found = kernels.find(({ index, name }) => [name, formerKind(name), String(index)].includes(wanted));
  if (found !== undefined) return found;
  throw new InputError({
    found: `--wgsl is ${JSON.stringify(wanted)}`,
    expected: `an index from 0 to ${kernels.length - 1}, or a name: ${rangesOf(kernels)}, at level ${level}`,
    advice: "Use --json instead of --wgsl to see what each kernel computes.",
  });
}

/** Kernel names with layers and numbers as ranges: `layer.0 to 11.matmul.0 to 3`. */
function rangesOf(kernels: readonly KernelDescription[]): string {
  const layers = Math.max(...kernels.map(({ layer }) => layer ?? 0));
  const numbers = new Map<string, number>();
  for (const { name } of kernels) {
    const [, prefix = "", number] = /^(.*)\.(\d+)$/.exec(name.replace(/^layer\.\d+/, `layer.${upTo(layers)}`)) ?? [];
    numbers.set(prefix, Math.max(numbers.get(prefix) ?? 0, Number(number)));
  }
  return [...numbers].map(([prefix, last]) => `${prefix}.${upTo(last)}`).join(", ");
}

const upTo = (last: number): string => (last === 0 ? "0" : `0 to ${last}`);
