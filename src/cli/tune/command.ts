/**
 * `fusebert tune`: finds the fastest tiles of kernels on this GPU, and saves them for later runs.
 *
 * Must stay true: every result is saved at once, so that an interruption or a failure loses none.
 */

import { Command, InvalidArgumentError, Option } from "commander";
import { openConfig } from "../../architectures/checkpoint.ts";
import { GpuDevice } from "../../engines/webgpu/device/gpu-device.ts";
import { gpuPrecisions } from "../../engines/webgpu/device/precision.ts";
import { loadFamilies } from "../../engines/webgpu/kernels/families.ts";
import type { TuningResult } from "../../engines/webgpu/tune/benchmark.ts";
import { forgetTiles, keepTiles, readTileCache, tileCachePath } from "../../engines/webgpu/tune/node/tile-cache.ts";
import { tune } from "../../engines/webgpu/tune/tune.ts";
import { planTuning } from "../../engines/webgpu/tune/tuning-plan.ts";
import { loadDawn } from "../../platform/dawn.ts";
import { findModel } from "../../platform/node/find-model.ts";
import { version } from "../../version.ts";
import { type ExitCode, exitCode, exitCodesHelp } from "../exit-codes.ts";
import { beforeExit } from "../interruption.ts";
import { type ModelOptions, modelOption, revisionOption } from "../model-options.ts";
import { print, tell } from "../output.ts";
import { atLeastOne } from "../parse-options.ts";
import { Progress } from "../progress.ts";
import { planToJson, renderPlan, renderTuning, type TuneReport, tunedTileOf, tuneToJson } from "./render.ts";

type Precision = (typeof gpuPrecisions)[number] | "auto";

interface TuneCommandOptions extends ModelOptions {
  readonly precision: Precision;
  readonly trustedKernels?: boolean;
  readonly rows?: readonly number[];
  readonly candidates: number;
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly reset?: boolean;
}

const helpAfter = `
A matmul kernel computes its result tile by tile. The fastest tile size, and the fastest division of a tile among
invocations, depend on the GPU and on the size of the work; fusebert has tables that are good on most GPUs.
This command measures the best tiles on yours, for the matmuls and the attention of a model: minutes on a GPU, once for each
model size and precision. The results are saved in your cache (XDG_CACHE_HOME, else ~/.cache, under fusebert/tiles), and
every command and program on this GPU and driver uses them from then on.

All tiles give the same numbers up to rounding; one that does not on this GPU is rejected. --rows are the tokens of a
batch, one number for each size class to tune. Ctrl-C stops the command and keeps the results so far.

Examples:
  fusebert tune                                            the built-in model
  fusebert tune --model bert-large-uncased --trusted-kernels
  fusebert tune --rows 384,3072                            two batch sizes only
  fusebert tune --candidates 20                            faster, with fewer tiles tried
  fusebert tune --dry-run                                  what would be measured
  fusebert tune --json | jq '.measured[] | {shape, rows, gain}'
  fusebert tune --reset                                    delete the results: back to the tables

Tune with the options you run with: if you use --trusted-kernels, pass it here too. docs/tuning.md describes the
measurements and the JSON.

${exitCodesHelp("0 tuned")}
`;

export function tuneCommand(signal: AbortSignal, finish: (code: ExitCode) => void): Command {
  return new Command("tune")
    .description("Find the fastest tiles of kernels on this GPU, and save them for later runs.")
    .addOption(modelOption())
    .addOption(revisionOption())
    .addOption(
      new Option("-p, --precision <precision>", "of weights and activations (auto: f16 where the GPU has it, else f32)")
        .choices(["auto", ...gpuPrecisions])
        .default("auto"),
    )
    .option("--trusted-kernels", "measure without bounds checks and clearing of memory, as runs with this option")
    .option("--rows <n,…>", "tokens of the batches to measure (default: one per size class)", listOfCounts)
    .option("--candidates <n>", "tiles to try for a kernel at a size, besides the default", atLeastOne, 60)
    .option("--json", "print one JSON object (docs/tuning.md)")
    .option("--dry-run", "print what would be measured, and measure nothing")
    .addOption(new Option("--reset", "delete the results for this GPU, and do nothing else").conflicts("dryRun"))
    .addHelpText("after", helpAfter)
    .action(async (options: TuneCommandOptions) => finish(await run(options, signal)));
}

function listOfCounts(text: string): number[] {
  return text.split(",").map((part) => {
    try {
      return atLeastOne(part.trim());
    } catch {
      throw new InvalidArgumentError("Expected whole numbers of at least 1, separated by commas.");
    }
  });
}

async function run(options: TuneCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const gpu = await loadDawn({ trusted: options.trustedKernels === true });
  const device = await GpuDevice.open(gpu);
  const { identity } = device;
  try {
    if (options.reset) {
      const hadSome = await forgetTiles(identity);
      print(hadSome ? "Deleted: the default tiles are used again.\n" : "There was nothing to delete.\n");
      return exitCode.tuned;
    }
    const report = await planReport(options, device, signal);
    if (options.dryRun) {
      print(options.json ? planToJson(report) : renderPlan(report));
      return exitCode.tuned;
    }
    device.destroy();
    const open = (): Promise<GpuDevice> => GpuDevice.open(gpu);
    await measure(report, open, options.json ? tuneToJson : renderTuning, signal);
    return exitCode.tuned;
  } finally {
    device.destroy();
  }
}

async function planReport(options: TuneCommandOptions, device: GpuDevice, signal: AbortSignal): Promise<TuneReport> {
  const { model, revision, candidates: maxCandidates, rows } = options;
  const files = await findModel({ model, revision });
  const { config } = await openConfig(files, { signal });
  const precision = device.precisionFor(options.precision);
  await loadFamilies(device.kernelLimits);
  const plan = planTuning({ config, precision, maxCandidates, ...(rows && { rows }) }, device.kernelLimits);
  const { description, identity } = device;
  const cache = tileCachePath(identity);
  const known = await readTileCache(identity);
  if (typeof known === "string") tell(`${cache} ${known}: it is not used.`);
  return {
    version,
    model: files.name,
    device: description,
    identity,
    precision,
    cache,
    plan,
    results: [],
    refused: [],
    isComplete: false,
  };
}

/** Prints the results, however the measuring ends. */
async function measure(
  planned: TuneReport,
  open: () => Promise<GpuDevice>,
  render: (report: TuneReport) => string,
  signal: AbortSignal,
): Promise<void> {
  const { plan, precision, identity } = planned;
  // A cache that cannot be written is reported before anything is measured.
  await keepTiles(identity, []);
  const progress = new Progress();
  const results: TuningResult[] = [];
  const refused: TuneReport["refused"][number][] = [];
  let isComplete = false;
  const report = beforeExit(() => {
    progress.stop();
    if (isComplete || results.length > 0) print(render({ ...planned, results, refused, isComplete }));
  });
  try {
    await tune(plan, {
      signal,
      open,
      onProgress: (done, total) => progress.update("measuring tiles", done, total),
      onResult: async (result) => {
        results.push(result);
        await keepTiles(identity, [tunedTileOf(result, precision)]);
      },
      onRefused: (subject, tile) => refused.push({ subject, ...tile }),
    });
    isComplete = true;
  } finally {
    await report.perform();
  }
}
