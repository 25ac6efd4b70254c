/**
 * `fusebert evaluate squad`: measures a model's exact match and F1 on SQuAD, the figures that papers report.
 *
 * Must stay true: the journal is removed only when all requested files are written.
 */
import { resolve } from "node:path";
import { Argument, Command, Option } from "commander";
import { InputError } from "../../errors.ts";
import { fingerprintOf } from "../../evaluate/journal.ts";
import { readPackedText } from "../../evaluate/node/read-packed-text.ts";
import { formatById, parseNullOdds, parsePredictions } from "../../evaluate/predictions-file.ts";
import { applyThreshold, bestThresholds, scoreDataset } from "../../evaluate/score-dataset.ts";
import { parseSquad, type SquadDataset } from "../../evaluate/squad.ts";
import { displayable } from "../../format/displayable.ts";
import { version } from "../../version.ts";
import { type ExitCode, exitCode, exitCodesHelp } from "../exit-codes.ts";
import { addGpuOptions, deviceOption, precisionOption } from "../gpu-options.ts";
import { modelOption, revisionOption } from "../model-options.ts";
import { print, tell } from "../output.ts";
import { atLeastOne, finiteNumber } from "../parse-options.ts";
import { checkFolderOf, writeOut } from "../write-out.ts";
import { type EvaluationReport, evaluationToJson, renderEvaluation } from "./render.ts";
import { type DatasetRun, type JournalPlan, type RunOptions, runDataset, scorings, tellHowToResume } from "./run.ts";

interface EvaluateCommandOptions extends RunOptions {
  readonly limit?: number;
  readonly predictions?: string;
  readonly nbest?: string;
  readonly nullOdds?: string;
  readonly scoreOnly?: string;
  readonly threshold?: number;
  readonly json?: boolean;
}

const helpAfter = `
FILE is SQuAD's JSON, plain or compressed with gzip or xz. A file with unanswerable questions is scored as SQuAD 2.0, any
other as 1.1. Exact match and F1 are those of the official scripts, in percent.

  --scoring reference   as BERT's reference script, which published figures use: sums of logits, answers of at most 30
                        tokens, not widened to words, windows of 384 tokens every 128
  --scoring pipeline    as fusebert answer: products of probabilities, at most 15 tokens, widened to words

In 2.0 a question has no answer when its null odds, the score of no answer minus that of the best answer, are above
--threshold. "With the best threshold" gives the scores of the threshold that is best for these very questions.

With --predictions (or --nbest, --null-odds) a journal is kept beside the file. After Ctrl-C or a failure, the same
command continues from it; another model or other options are rejected. It is removed when the evaluation is complete.

Examples:
  fusebert evaluate squad dev-v1.1.json.xz                              the built-in model
  fusebert evaluate squad dev-v1.1.json.xz --limit 500                  a first look
  fusebert evaluate squad dev-v2.0.json --predictions p.json --null-odds o.json --nbest n.json
  fusebert evaluate squad dev-v2.0.json --score-only p.json --null-odds o.json --threshold -2.5
  fusebert evaluate squad dev-v1.1.json --device webgpu --json | jq .scores.f1

${exitCodesHelp("0 evaluated")}
`;

/** Options that only a run with a model uses; `--score-only` conflicts with them. */
const runOnly = [
  "predictions",
  "nbest",
  "model",
  "revision",
  "device",
  "threads",
  "scoring",
  "precision",
  "level",
  "skipSelfTest",
  "debugDir",
  "trustedKernels",
  "persistent",
];

export function evaluateCommand(signal: AbortSignal, finish: (code: ExitCode) => void): Command {
  const command = new Command("evaluate")
    .description("Measure a model's accuracy: exact match and F1 on SQuAD.")
    .addArgument(new Argument("<benchmark>", "what to measure").choices(["squad"]))
    .argument("<file>", "SQuAD 1.1 or 2.0, JSON, plain or compressed (.gz, .xz)")
    .addOption(modelOption())
    .addOption(revisionOption())
    .option("-n, --limit <n>", "evaluate only the first n questions", atLeastOne)
    .option("--predictions <file>", "write the answers, in the official format")
    .option("--nbest <file>", "write the 20 best answers to each question")
    .option("--null-odds <file>", "2.0: write the null odds; with --score-only: read them")
    .addOption(
      new Option("--score-only <predictions>", "score a file of answers, in the official format").conflicts(runOnly),
    )
    .addOption(new Option("--scoring <scoring>", "how answers are chosen").choices([...scorings]).default("reference"))
    .option("--threshold <x>", "2.0: no answer where the null odds are above it (default: 0)", finiteNumber)
    .addOption(deviceOption())
    .option(
      "--threads <n>",
      "CPU threads (default: the number of physical cores; through WebAssembly at most 8)",
      atLeastOne,
    )
    .addOption(precisionOption());
  return addGpuOptions(command)
    .option("--json", "print one JSON object (docs/evaluate.md)")
    .addHelpText("after", helpAfter)
    .action(async (_benchmark: string, file: string, options: EvaluateCommandOptions) =>
      finish(await run(file, options, signal)),
    );
}

async function run(file: string, options: EvaluateCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const fullDataset = parseSquad(await readPackedText(file, signal), file);
  checkOptions(fullDataset, file, options);
  checkPaths(file, options);
  const dataset = { ...fullDataset, questions: fullDataset.questions.slice(0, options.limit) };
  const report = {
    version,
    dataset: {
      file,
      kind: fullDataset.kind,
      questions: dataset.questions.length,
      questionsInFile: fullDataset.questions.length,
    },
    ...(options.scoreOnly === undefined
      ? await evaluateModel(dataset, fullDataset, options, signal)
      : await scoreFile(dataset, fullDataset, options.scoreOnly, options, signal)),
  };
  tellMissing(report.scores.missing);
  print(options.json ? evaluationToJson(report) : renderEvaluation(report));
  return exitCode.evaluated;
}

function checkOptions({ kind }: SquadDataset, file: string, options: EvaluateCommandOptions): void {
  const { threshold, nullOdds, scoreOnly } = options;
  if (kind === "1.1" && (threshold !== undefined || nullOdds !== undefined)) {
    throw new InputError({
      found: `every question of ${file} has an answer`,
      expected: "--threshold and --null-odds only with SQuAD 2.0",
    });
  }
  if (scoreOnly !== undefined && threshold !== undefined && nullOdds === undefined) {
    throw new InputError({
      found: "--threshold is given, but would not be used",
      expected: "--null-odds with it: --score-only has no null odds of its own",
    });
  }
}

/** No output may overwrite an input or another output. */
function checkPaths(file: string, { predictions, nbest, nullOdds, scoreOnly }: EvaluateCommandOptions): void {
  const paths = [file, predictions, nbest, nullOdds, scoreOnly].filter((path) => path !== undefined);
  const twice = paths.find((path, index) => paths.slice(0, index).some((other) => resolve(other) === resolve(path)));
  if (twice === undefined) return;
  throw new InputError({ found: `${twice} is named twice`, expected: "a different file for each option" });
}

type Result = Omit<EvaluationReport, "version" | "dataset">;

/** @param fullDataset the data set without `--limit`, which the journal covers. */
async function evaluateModel(
  dataset: SquadDataset,
  fullDataset: SquadDataset,
  options: EvaluateCommandOptions,
  signal: AbortSignal,
): Promise<Result> {
  const { predictions: predictionsPath, nbest, nullOdds: nullOddsPath, threshold = 0 } = options;
  const outputs = [predictionsPath, nbest, nullOddsPath].filter((path) => path !== undefined);
  for (const path of outputs) await checkFolderOf(path);
  const [first] = outputs;
  const plan =
    first === undefined ? undefined : await planJournal(`${first}.journal`, fullDataset, nbest !== undefined);
  const run = await runDataset(dataset, options, plan, signal);
  const predictions = dataset.questions.flatMap(({ id }) => run.predictions.get(id) ?? []);
  const mapOf = <T>(value: (prediction: (typeof predictions)[number]) => T) =>
    new Map(predictions.map((prediction) => [prediction.id, value(prediction)]));
  const texts = mapOf(({ text }) => text);
  const odds = mapOf(({ nullOdds }) => nullOdds);
  const final = dataset.kind === "2.0" ? applyThreshold(texts, odds, threshold) : texts;
  try {
    if (predictionsPath !== undefined) await writeOut(predictionsPath, formatById(final));
    if (nbest !== undefined) await writeOut(nbest, formatById(mapOf(({ nBest }) => nBest)));
    if (nullOddsPath !== undefined) await writeOut(nullOddsPath, formatById(odds));
  } catch (error) {
    await run.journal?.close();
    tellHowToResume(run.journal, predictions.length, dataset.questions.length);
    throw error;
  }
  await run.journal?.remove();
  return {
    run: describeRun(run, options),
    ...(dataset.kind === "2.0" && { threshold, best: bestThresholds(dataset, texts, odds) }),
    scores: scoreDataset(dataset, final),
  };
}

async function planJournal(path: string, fullDataset: SquadDataset, keepsNBest: boolean): Promise<JournalPlan> {
  const contexts = new Map(fullDataset.questions.map(({ id, context }) => [id, context]));
  return { path, keepsNBest, fingerprint: await fingerprintOf(fullDataset), contexts };
}

function describeRun(run: DatasetRun, { revision, scoring }: EvaluateCommandOptions): NonNullable<Result["run"]> {
  const { model, device, computedBy, noAnswerThreshold, fromJournal, timing } = run;
  const predictions = [...run.predictions.values()];
  return {
    model,
    ...(revision !== undefined && { revision }),
    device,
    computedBy,
    noAnswerThreshold,
    scoring,
    windows: predictions.reduce((sum, { windows }) => sum + windows, 0),
    shortenedQuestions: predictions.filter(({ isShortened }) => isShortened).length,
    fromJournal,
    timing: {
      loadMs: Math.round(timing.loadMs),
      evaluateMs: Math.round(timing.evaluateMs),
      questionsPerSecond: ((predictions.length - fromJournal) * 1000) / timing.evaluateMs,
    },
  };
}

/** @param fullDataset the data set without `--limit`, whose other predictions are expected too. */
async function scoreFile(
  dataset: SquadDataset,
  fullDataset: SquadDataset,
  path: string,
  { nullOdds: nullOddsPath, threshold }: EvaluateCommandOptions,
  signal: AbortSignal,
): Promise<Result> {
  const texts = parsePredictions(await readPackedText(path, signal), path);
  checkIds(texts, fullDataset, path);
  if (nullOddsPath === undefined) return { predictionsFile: path, scores: scoreDataset(dataset, texts) };
  const odds = parseNullOdds(await readPackedText(nullOddsPath, signal), nullOddsPath);
  const missing = dataset.questions.find(({ id }) => texts.has(id) && !odds.has(id));
  if (missing) {
    throw new InputError({
      found: `${nullOddsPath} has no value for the question ${missing.id}`,
      expected: `a number for every prediction of ${path}`,
    });
  }
  return {
    predictionsFile: path,
    ...(threshold !== undefined && { threshold }),
    scores: scoreDataset(dataset, threshold === undefined ? texts : applyThreshold(texts, odds, threshold)),
    best: bestThresholds(dataset, texts, odds),
  };
}

/** Predictions for unknown questions bring a message; no prediction for a known one is an error. */
function checkIds(texts: ReadonlyMap<string, string>, { questions }: SquadDataset, path: string): void {
  const known = new Set(questions.map(({ id }) => id));
  const unknown = [...texts.keys()].filter((id) => !known.has(id));
  if (unknown.length === texts.size) {
    throw new InputError({
      found: `${path} has no prediction for any question of the data set`,
      expected: "predictions for its questions, by their ids",
    });
  }
  if (unknown.length === 0) return;
  tell(`${several(unknown, "prediction is", "predictions are")} for no question of the data set.`);
}

/** One message, where the official scripts print one for each question. */
function tellMissing(ids: readonly string[]): void {
  if (ids.length === 0) return;
  tell(`${several(ids, "question has", "questions have")} no prediction, which counts as 0.`);
}

/** `12 questions (a, b, c, …) have` */
function several(ids: readonly string[], one: string, more: string): string {
  const [noun, verb] = (ids.length === 1 ? one : more).split(" ");
  return `${ids.length} ${noun} (${ids
    .slice(0, 3)
    .map((id) => displayable(id, 80))
    .join(", ")}${ids.length > 3 ? ", …" : ""}) ${verb}`;
}
