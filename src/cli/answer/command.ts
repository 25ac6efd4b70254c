/**
 * `fusebert answer`: answers a question with a piece of one of the given texts.
 */
import { Command, Option } from "commander";
import { isImpossible } from "../../answer/answer-collector.ts";
import { type OffsetUnit, offsetUnits } from "../../answer/code-points.ts";
import {
  type AnswerOptions,
  type Overlap,
  overlaps,
  type Scoring,
  scorings,
  type TruncatedSide,
  truncatedSides,
} from "../../answer/options.ts";
import { compareSpans } from "../../answer/top-spans.ts";
import { FusebertError, InputError } from "../../errors.ts";
import { QuestionAnswerer } from "../../question-answerer.ts";
import { type ExitCode, exitCode, exitCodesHelp } from "../exit-codes.ts";
import { withFlagNames } from "../flag-names.ts";
import { addGpuOptions, deviceOption, precisionOption } from "../gpu-options.ts";
import { loadOptions, type ModelRunOptions } from "../load-options.ts";
import { type ModelOptions, modelOption, revisionOption } from "../model-options.ts";
import { print, warn } from "../output.ts";
import { atLeastOne, collect, defined, finiteNumber, wholeNumber } from "../parse-options.ts";
import { Progress } from "../progress.ts";
import { readTexts, type SourceText } from "../read-texts.ts";
import { TraceFile } from "../trace-file.ts";
import { type AnswerRun, foundAnswer, renderJson, renderText } from "./render.ts";

interface AnswerCommandOptions extends ModelRunOptions, ModelOptions {
  readonly context: readonly string[];
  readonly text?: string;
  readonly topK?: number;
  readonly maxAnswerLength?: number;
  readonly maxSequenceLength?: number;
  readonly docStride?: number;
  readonly maxQuestionLength?: number;
  readonly truncateQuestion?: TruncatedSide;
  readonly overlap: Overlap;
  readonly offsetUnit: OffsetUnit;
  readonly allowNoAnswer?: boolean;
  readonly scoring: Scoring;
  readonly noAnswerThreshold?: number;
  readonly trace?: string;
  readonly json?: boolean;
}

const helpAfter = `
Texts are UTF-8; with neither --context nor --text, standard input is read. Several texts are searched together for the best
answers of all. Probabilities are not comparable between texts: with several, use --scoring logits.

Offsets of answers count UTF-16 code units, as JavaScript's strings do, from 0, the end exclusive. Python's strings count
code points, which differ after an emoji: --offset-unit code-point.

Examples:
  fusebert answer "Who wrote it?" --context book.txt
  cat notes.txt | fusebert answer "When do we meet?" --top-k 3
  fusebert answer "Who wrote it?" --context book.txt --allow-no-answer --scoring logits
  fusebert answer "Who wrote it?" --context book.txt --json | jq -r '.answers[0].text'
  fusebert answer "Who wrote it?" --context book.txt --device webgpu
  fusebert answer "Who wrote it?" --context book.txt --model MattBoraske/BERT-question-answering-SQuAD

${exitCodesHelp("0 answered, 1 no answer found (with --allow-no-answer)")}
`;

/** @param signal aborts on Ctrl-C. @param finish receives the exit code. */
export function answerCommand(signal: AbortSignal, finish: (code: ExitCode) => void): Command {
  const command = new Command("answer")
    .description("Answer a question from one or more texts.")
    .argument("<question>", "the question")
    .option(
      "-c, --context <file>",
      "a text file that may hold the answer, - for standard input (repeatable)",
      collect,
      [],
    )
    .option("-t, --text <text>", "the text itself")
    .addOption(modelOption())
    .addOption(revisionOption())
    .addOption(deviceOption())
    .option("-k, --top-k <n>", "how many answers to give (default: 1)", atLeastOne)
    .option("--max-answer-length <n>", "longest answer, in tokens (default: 15)", atLeastOne)
    .option("--max-sequence-length <n>", "tokens a window holds (default: 384)", atLeastOne)
    .option("--doc-stride <n>", "tokens that neighbouring windows share (default: 128)", wholeNumber)
    .option("--max-question-length <n>", "longest question, in tokens (default: 64)", atLeastOne)
    .addOption(
      new Option("--truncate-question <side>", "cut a longer question at its end or start").choices(truncatedSides),
    )
    .addOption(
      new Option("--overlap <overlap>", "whether answers may overlap; none keeps the best of overlapping ones")
        .choices(overlaps)
        .default("none"),
    )
    .addOption(
      new Option("--offset-unit <unit>", "what start and end of an answer count")
        .choices(offsetUnits)
        .default("utf-16"),
    )
    .option("--allow-no-answer", "give no answer where the texts hold none")
    .addOption(
      new Option("--scoring <scoring>", "logits are comparable across the windows of a long text")
        .choices(scorings)
        .default("probability"),
    )
    .addOption(noAnswerThreshold())
    .option(
      "--threads <n>",
      "CPU threads (default: the number of physical cores; through WebAssembly at most 8)",
      atLeastOne,
    )
    .addOption(precisionOption());
  return addGpuOptions(command)
    .option("--trace <file>", "with --device webgpu: save when each kernel ran, for chrome://tracing and Perfetto")
    .option("--json", "print one JSON object")
    .addHelpText("after", helpAfter)
    .action(async (question: string, options: AnswerCommandOptions) => finish(await run(question, options, signal)));
}

async function run(question: string, options: AnswerCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  checkCombination(options);
  const texts = await readTexts(options.context, options.text, signal);
  const trace = await TraceFile.open(options.trace, options.device);
  const progress = new Progress();
  try {
    const found = await answer(question, texts, options, trace, progress, signal);
    progress.stop();
    print(options.json ? renderJson(found) : renderText(found));
    return found.answers.length > 0 ? exitCode.answered : exitCode.noAnswer;
  } finally {
    progress.stop();
    await trace?.save();
  }
}

async function answer(
  question: string,
  texts: readonly SourceText[],
  options: AnswerCommandOptions,
  trace: TraceFile | undefined,
  progress: Progress,
  signal: AbortSignal,
): Promise<AnswerRun> {
  const started = performance.now();
  const loading = loadOptions(options, progress, signal);
  await using answerer = await QuestionAnswerer.load(options.model, {
    ...loading,
    ...(trace && { gpu: { ...loading.gpu, ...trace.gpu } }),
  });
  progress.stop();
  answerer.warnings.forEach(warn);
  const loaded = performance.now();
  const results = await answerer
    .answer(
      texts.map(({ text }) => ({ question, context: text })),
      {
        ...answerOptions(options),
        signal,
        onProgress: ({ phase, done, total, note }) => {
          progress.update(phase === "tokenize" ? "Reading" : "Answering", done, total);
          if (note !== undefined) warn(withFlagNames(note));
        },
      },
    )
    // Every row holds the one question, so the error names no row.
    .catch((error: unknown) => {
      throw error instanceof FusebertError ? error.inRow(undefined) : error;
    });
  const answered = performance.now();
  const threshold = options.noAnswerThreshold ?? answerer.noAnswerThreshold;
  const noAnswerScore = Math.min(...results.map((result) => result.noAnswerScore));
  const found = results
    .flatMap((result, index) => result.answers.map((answer) => ({ answer, text: texts[index] as SourceText })))
    .sort((a, b) => compareSpans(a.answer, b.answer))
    .slice(0, options.topK ?? 1);
  const none = isImpossible(
    found.map((entry) => entry.answer),
    noAnswerScore,
    {
      handleImpossibleAnswer: options.allowNoAnswer === true,
      scoring: options.scoring,
      noAnswerThreshold: threshold,
    },
  );
  const truncatedQuestion = results[0]?.truncatedQuestion;
  return {
    question,
    ...(truncatedQuestion !== undefined && { truncatedQuestion }),
    model: answerer.model,
    device: answerer.device,
    computedBy: answerer.computedBy,
    offsetUnit: options.offsetUnit,
    answers: none ? [] : found.map((entry) => foundAnswer(entry.answer, entry.text, options.offsetUnit)),
    noAnswerScore,
    noAnswerThreshold: threshold,
    windows: results.reduce((sum, result) => sum + result.windows, 0),
    timing: { loadMs: loaded - started, answerMs: answered - loaded },
  };
}

/** The library's options, without those about no answer: that is decided over all texts together. */
function answerOptions(options: AnswerCommandOptions): AnswerOptions {
  const { scoring, overlap, topK, maxAnswerLength, maxSequenceLength } = options;
  const { docStride, maxQuestionLength, truncateQuestion } = options;
  const lengths = { maxAnswerLength, maxSequenceLength, docStride, maxQuestionLength };
  return defined({ scoring, overlap, topK, ...lengths, truncateQuestion });
}

/** The threshold has an effect only together with two other options. */
function checkCombination({ noAnswerThreshold: threshold, allowNoAnswer, scoring }: AnswerCommandOptions): void {
  if (threshold === undefined || (allowNoAnswer === true && scoring === "logits")) return;
  throw new InputError({
    found: "--no-answer-threshold is given, but would not be used",
    expected: "--allow-no-answer and --scoring logits with it",
  });
}

/** Commander reads an option that starts with --no- as the negation of another; this one is a threshold. */
function noAnswerThreshold(): Option {
  const option = new Option(
    "--no-answer-threshold <x>",
    "with --allow-no-answer and --scoring logits: an answer must score at least this (default: the model's, or 0)",
  );
  option.negate = false;
  return option.argParser(finiteNumber);
}
