/**
 * `fusebert demo`: the built-in model answers a few questions.
 */
import { Command } from "commander";
import pc from "picocolors";
import type { AnswerResult } from "../../answer/answer-collector.ts";
import { displayable } from "../../format/displayable.ts";
import type { Device } from "../../platform/platform.ts";
import { QuestionAnswerer } from "../../question-answerer.ts";
import { formatScore, highlight } from "../answer/render.ts";
import { type DemoQuestion, demoQuestions } from "../demo-questions.ts";
import { excerptAround } from "../excerpt.ts";
import { type ExitCode, exitCode } from "../exit-codes.ts";
import { addGpuOptions, deviceOption, type GpuCommandOptions, gpuOptions, precisionOption } from "../gpu-options.ts";
import { print, warn } from "../output.ts";

interface DemoCommandOptions extends GpuCommandOptions {
  readonly device: Device;
}

export function demoCommand(signal: AbortSignal, finish: (code: ExitCode) => void): Command {
  const command = new Command("demo")
    .description("Show the built-in model answering a few questions.")
    .addOption(deviceOption())
    .addOption(precisionOption());
  return addGpuOptions(command).action(async (options: DemoCommandOptions) => finish(await run(options, signal)));
}

async function run(options: DemoCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const started = performance.now();
  const gpu = gpuOptions(options);
  await using answerer = await QuestionAnswerer.load(undefined, {
    device: options.device,
    ...(gpu && { gpu }),
    signal,
  });
  const loaded = performance.now() - started;
  answerer.warnings.forEach(warn);
  print(
    `The ${displayable(answerer.model)} model on ${displayable(answerer.computedBy)}, loaded in ${loaded.toFixed(0)} ms.\n`,
  );
  let allRight = true;
  for (const demo of demoQuestions) {
    const before = performance.now();
    const { question, context } = demo;
    const result = await answerer.answer({ question, context }, { handleImpossibleAnswer: true, signal });
    const right = result.answers[0]?.text === demo.expected;
    allRight &&= right;
    print(render(demo, result, performance.now() - before, right));
  }
  print('\nTry your own: npx fusebert answer "Who wrote it?" --context book.txt\n');
  return allRight ? exitCode.answered : exitCode.failure;
}

function render(
  demo: DemoQuestion,
  { answers, windows, noAnswerScore }: AnswerResult,
  ms: number,
  right: boolean,
): string {
  const [answer] = answers;
  const time = `${windows} window${windows === 1 ? "" : "s"}, ${ms.toFixed(0)} ms`;
  const heading = `\n${pc.dim(`${demo.shows}:`)}\n${pc.bold(demo.question)}\n`;
  const verdict = right ? "" : pc.red(`  expected: ${demo.expected ?? "no answer"}\n`);
  if (answer === undefined) {
    const place = `no answer score ${formatScore(noAnswerScore)}, ${time}`;
    return `${heading}  ${pc.yellow("The text does not say.")}\n  ${pc.dim(place)}\n${verdict}`;
  }
  const { before, answer: found, after } = excerptAround(demo.context, answer.start, answer.end);
  const place = `characters ${answer.start} to ${answer.end}, score ${formatScore(answer.score)}, ${time}`;
  return `${heading}  ${before}${highlight(found)}${after}\n  ${pc.dim(place)}\n${verdict}`;
}
