/**
 * The output of `fusebert evaluate`, as text and as JSON.
 */
import pc from "picocolors";
import type { BestThresholds, DatasetScores, Figures } from "../../evaluate/score-dataset.ts";
import type { SquadKind } from "../../evaluate/squad.ts";
import { displayable } from "../../format/displayable.ts";
import { jsonText } from "../../format/json.ts";
import { count } from "../../format/numbers.ts";

export interface EvaluationReport {
  readonly version: string;
  readonly dataset: {
    readonly file: string;
    readonly kind: SquadKind;
    /** Number of questions scored. */
    readonly questions: number;
    readonly questionsInFile: number;
  };
  /** The file that was scored, with `--score-only`. */
  readonly predictionsFile?: string;
  readonly run?: EvaluationRun;
  /** SQuAD 2.0: null odds above it mean no answer. */
  readonly threshold?: number;
  readonly scores: DatasetScores;
  readonly best?: BestThresholds;
}

export interface EvaluationRun {
  readonly model: string;
  readonly revision?: string;
  readonly device: string;
  readonly computedBy: string;
  /** The model's default for `fusebert answer`; `--threshold`, of null odds, has the opposite sign. */
  readonly noAnswerThreshold: number;
  readonly scoring: string;
  readonly windows: number;
  /** Questions that were too long for the model and were cut. */
  readonly shortenedQuestions: number;
  /** Predictions of an earlier, interrupted run. */
  readonly fromJournal: number;
  readonly timing: {
    readonly loadMs: number;
    readonly evaluateMs: number;
    /** Counts only the questions that this run answered. */
    readonly questionsPerSecond: number;
  };
}

/** The schema is in docs/evaluate.md; the scores have the official scripts' names. */
export function evaluationToJson({ scores, best, ...report }: EvaluationReport): string {
  const { exact, f1, total, hasAnswer, noAnswer, missing } = scores;
  const json = {
    schema: "fusebert.evaluation/1",
    ...report,
    scores: {
      exact,
      f1,
      total,
      ...(hasAnswer && { HasAns_exact: hasAnswer.exact, HasAns_f1: hasAnswer.f1, HasAns_total: hasAnswer.total }),
      ...(noAnswer && { NoAns_exact: noAnswer.exact, NoAns_f1: noAnswer.f1, NoAns_total: noAnswer.total }),
      ...(best && {
        best_exact: best.exact.score,
        best_exact_thresh: best.exact.threshold,
        best_f1: best.f1.score,
        best_f1_thresh: best.f1.threshold,
      }),
    },
    missing,
  };
  return `${jsonText(json, { indent: 2 })}\n`;
}

export function renderEvaluation({ dataset, predictionsFile, run, threshold, scores, best }: EvaluationReport): string {
  const { file, kind, questions, questionsInFile } = dataset;
  const part = questions < questionsInFile ? `the first ${count(questions)} of ` : "";
  const lines = [
    pc.bold(`SQuAD ${kind}, ${displayable(file)}: ${part}${count(questionsInFile)} questions`),
    "",
    pc.dim(row("", "exact match", "F1", "questions")),
    figuresRow("all", scores),
    ...(scores.hasAnswer ? [figuresRow("with an answer", scores.hasAnswer)] : []),
    ...(scores.noAnswer ? [figuresRow("without an answer", scores.noAnswer)] : []),
    ...(best ? renderBest(best) : []),
    "",
    ...(predictionsFile === undefined ? [] : [fact("predictions", displayable(predictionsFile))]),
    ...(threshold === undefined ? [] : [fact("threshold", `no answer where null odds are above ${threshold}`)]),
    ...(run ? renderRun(run, questions) : []),
  ];
  return `${lines.join("\n")}\n`;
}

function renderBest({ exact, f1 }: BestThresholds): string[] {
  return [
    row("with the best threshold", exact.score.toFixed(3), f1.score.toFixed(3), ""),
    pc.dim(row("  which is", exact.threshold.toFixed(3), f1.threshold.toFixed(3), "")),
  ];
}

function renderRun(run: EvaluationRun, questions: number): string[] {
  const { model, revision, computedBy, scoring, windows, shortenedQuestions, fromJournal, timing } = run;
  const seconds = (timing.evaluateMs / 1000).toFixed(1);
  const cut = shortenedQuestions > 0 ? `, ${count(shortenedQuestions)} questions shortened` : "";
  return [
    fact("model", displayable(revision === undefined ? model : `${model} at ${revision}`)),
    fact("engine", displayable(computedBy)),
    fact("scoring", scoring),
    fact("windows", `${count(windows)}${cut}`),
    fact("time", `${seconds} s, ${timing.questionsPerSecond.toFixed(1)} questions/s`),
    ...(fromJournal > 0 ? [fact("journal", `${count(fromJournal)} of ${count(questions)} were predicted before`)] : []),
  ];
}

const figuresRow = (name: string, { exact, f1, total }: Figures): string =>
  row(name, exact.toFixed(3), f1.toFixed(3), count(total));

const row = (name: string, exact: string, f1: string, total: string): string =>
  `  ${name.padEnd(24)}${exact.padStart(12)}${f1.padStart(10)}${total.padStart(11)}`.trimEnd();

const fact = (name: string, value: string): string => `  ${pc.dim(name.padEnd(12))}${value}`;
