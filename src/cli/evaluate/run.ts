/**
 * Answers all questions of a data set, with a journal from which an interrupted run continues.
 *
 * Must stay true: predictions from the journal and new ones are indistinguishable; a journal whose model gave other answers
 * is rejected, even if the model's name is the same.
 */
import { platform } from "#platform";
import { describe } from "../../checkpoint/describe.ts";
import { InputError } from "../../errors.ts";
import type { Contexts, JournalHead } from "../../evaluate/journal.ts";
import { JournalFile } from "../../evaluate/node/journal-file.ts";
import { pipelineScoring } from "../../evaluate/pipeline-scoring.ts";
import { predict, type QuestionPrediction } from "../../evaluate/predict.ts";
import type { ScoringMethod } from "../../evaluate/prediction.ts";
import { referenceScoring } from "../../evaluate/reference-scoring.ts";
import type { SquadDataset, SquadQuestion } from "../../evaluate/squad.ts";
import { LoadedModel } from "../../loaded-model.ts";
import { version } from "../../version.ts";
import { beforeExit } from "../interruption.ts";
import { loadOptions, type ModelRunOptions } from "../load-options.ts";
import type { ModelOptions } from "../model-options.ts";
import { tell, warn } from "../output.ts";
import { Progress } from "../progress.ts";

export const scorings = ["reference", "pipeline"] as const;

export interface RunOptions extends ModelRunOptions, ModelOptions {
  readonly scoring: (typeof scorings)[number];
}

export interface DatasetRun {
  readonly model: string;
  readonly device: string;
  readonly computedBy: string;
  /** The model's default of `fusebert answer`'s option. */
  readonly noAnswerThreshold: number;
  readonly predictions: ReadonlyMap<string, QuestionPrediction>;
  /** How many of them are from an earlier run. */
  readonly fromJournal: number;
  /** Absent where nothing is written. */
  readonly journal?: JournalFile;
  readonly timing: { readonly loadMs: number; readonly evaluateMs: number };
}

export interface JournalPlan {
  readonly path: string;
  /** The fingerprint of the whole file, so that a run with a limit can be continued without it. */
  readonly fingerprint: string;
  /** The contexts of the whole file, for the same reason. */
  readonly contexts: Contexts;
  /** Whether n-best lists are kept, which take most of the journal's space. */
  readonly keepsNBest: boolean;
}

/** @param plan absent: nothing is kept, and an interrupted run starts over. */
export async function runDataset(
  dataset: SquadDataset,
  options: RunOptions,
  plan: JournalPlan | undefined,
  signal: AbortSignal,
): Promise<DatasetRun> {
  const progress = new Progress();
  try {
    const started = performance.now();
    await using model = await load(options, progress, signal);
    const scoringOf = options.scoring === "reference" ? referenceScoring : pipelineScoring;
    const method = scoringOf(model.maxPositions, dataset.kind === "2.0");
    const journal = plan && (await JournalFile.open(plan.path, headOf(options, model, plan), plan.contexts));
    const loaded = performance.now();
    const earlier = journal
      ? await closingOnError(journal, earlierPredictions(journal, dataset, model, method, signal))
      : [];
    const predictions = new Map(earlier.map((prediction) => [prediction.id, prediction]));
    const resumeHint = beforeExit(() => {
      progress.stop();
      tellHowToResume(journal, predictions.size, dataset.questions.length);
    });
    try {
      const remaining = dataset.questions.filter(({ id }) => !predictions.has(id));
      for await (const ready of predict(model, remaining, method, signal)) {
        const kept = plan?.keepsNBest ? ready : ready.map((prediction) => ({ ...prediction, nBest: [] }));
        // One at a time, so that the number reported as kept when the disk is full is the one the next run finds.
        for (const prediction of kept) {
          await journal?.append(prediction);
          predictions.set(prediction.id, prediction);
        }
        progress.update("Evaluating", predictions.size, dataset.questions.length);
      }
    } catch (error) {
      await journal?.close();
      await resumeHint.perform();
      throw error;
    }
    resumeHint.cancel();
    const timing = { loadMs: loaded - started, evaluateMs: performance.now() - loaded };
    const { name, device, computedBy, noAnswerThreshold } = model;
    const run = { model: name, device, computedBy, noAnswerThreshold };
    return { ...run, predictions, fromJournal: earlier.length, timing, ...(journal && { journal }) };
  } finally {
    progress.stop();
  }
}

async function load(options: RunOptions, progress: Progress, signal: AbortSignal): Promise<LoadedModel> {
  const model = await LoadedModel.load(platform, options.model, loadOptions(options, progress, signal));
  progress.stop();
  model.warnings.forEach(warn);
  return model;
}

function headOf(
  { revision, scoring }: RunOptions,
  { name, computedBy }: LoadedModel,
  { fingerprint, keepsNBest }: JournalPlan,
): JournalHead {
  return {
    format: "fusebert.squad-journal/1",
    version,
    questions: fingerprint,
    model: name,
    revision: revision ?? "",
    engine: computedBy,
    scoring,
    "n-best": keepsNBest ? "kept" : "not kept",
  };
}

/** Predictions of a journal that are recomputed, to check that the model is the same. */
const probes = 3;
/** Null odds differ by less between runs of one model, also in float16 and in other batches. */
const oddsTolerance = 0.25;

/** @throws InputError if this model's answers differ from those in the journal. */
async function earlierPredictions(
  journal: JournalFile,
  { questions }: SquadDataset,
  model: LoadedModel,
  method: ScoringMethod,
  signal: AbortSignal,
): Promise<QuestionPrediction[]> {
  const byId = new Map(questions.map((question) => [question.id, question]));
  const earlier = journal.earlier.filter(({ id }) => byId.has(id));
  const expected = new Map(earlier.slice(0, probes).map((prediction) => [prediction.id, prediction]));
  const again = [...expected.keys()].map((id) => byId.get(id) as SquadQuestion);
  for await (const ready of predict(model, again, method, signal)) {
    for (const { id, text, nullOdds } of ready) {
      const before = expected.get(id);
      if (before?.text === text && Math.abs(before.nullOdds - nullOdds) <= oddsTolerance) continue;
      throw new InputError({
        found: `${journal.path} is from another model of this name: its answer to the question ${describe(id)} is ${describe(before?.text)}, this model's is ${describe(text)}`,
        expected: "the same answers",
        advice: "Delete it to start over.",
      });
    }
  }
  if (earlier.length > 0) tell(`continuing from ${journal.path}, which has ${earlier.length} predictions.`);
  return earlier;
}

async function closingOnError<T>(journal: JournalFile, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    await journal.close();
    throw error;
  }
}

export function tellHowToResume(journal: JournalFile | undefined, done: number, total: number): void {
  tell(
    journal === undefined
      ? `${done} of ${total} questions were answered and are lost; with --predictions they would be kept.`
      : `${done} of ${total} questions are kept in ${journal.path}; the same command continues from there.`,
  );
}
