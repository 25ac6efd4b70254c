/**
 * The command line: which commands there are, and what becomes of their errors.
 *
 * Must stay true: standard output carries the result and nothing else; errors are one line on standard error and an exit
 * code; nothing a person does brings a stack trace.
 */
import { Command, CommanderError } from "commander";
import { version } from "../version.ts";
import { answerCommand } from "./answer-command.ts";
import { demoCommand } from "./demo-command.ts";
import { evaluateCommand } from "./evaluate-command.ts";
import { describeError, type ExitCode, exitCode } from "./exit-codes.ts";
import { explainCommand } from "./explain-command.ts";
import { exportCommand } from "./export-command.ts";
import { verifyCommand } from "./verify-command.ts";

/** Runs the command line and gives the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  silenceLibraries();
  ignoreClosedPipe();
  let code: ExitCode = exitCode.answered;
  const interruption = new AbortController();
  process.once("SIGINT", () => interruption.abort());
  const program = new Command("fusebert")
    .description("BERT question answering, and the proof that a fused layer computes what the original computes.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (message, write) => write(`fusebert: ${message.replace(/^error: /, "")}`) })
    .addHelpText(
      "after",
      '\nExamples:\n  fusebert answer "Who wrote it?" --context book.txt\n  fusebert verify --candidate dump.safetensors\n',
    );
  for (const makeCommand of [
    answerCommand,
    verifyCommand,
    evaluateCommand,
    explainCommand,
    exportCommand,
    demoCommand,
  ]) {
    const command = makeCommand(interruption.signal, (result) => {
      code = result;
    });
    program.addCommand(command.copyInheritedSettings(program));
  }
  try {
    await program.parseAsync([...argv]);
    return code;
  } catch (error) {
    if (interruption.signal.aborted) {
      process.stderr.write("fusebert: interrupted.\n");
      return exitCode.interrupted;
    }
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.answered : exitCode.usage;
    const { message, code: failure } = describeError(error);
    process.stderr.write(`fusebert: ${withFlagNames(message)}\n`);
    return failure;
  }
}

/** The library speaks of `maxQuestionLength`; whoever types a command knows it as `--max-question-length`. */
function withFlagNames(message: string): string {
  return message
    .replace(/\b(?:topK|docStride|maxAnswerLength|maxSequenceLength|maxQuestionLength)\b/g, (name) => {
      return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    })
    .replace(", or set truncateQuestion to have it cut", "");
}

/** A library that prints would spoil the output for whoever parses it. */
function silenceLibraries(): void {
  console.log = console.error;
  console.info = console.error;
  console.debug = console.error;
}

/** `fusebert … | head -1` is no error. */
function ignoreClosedPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
