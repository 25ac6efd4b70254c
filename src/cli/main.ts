/**
 * The command line: which commands there are, and what becomes of their errors.
 *
 * Must stay true: standard output carries the result and nothing else; errors are one line on standard error and an exit
 * code; nothing a person does brings a stack trace.
 */
import { Command, CommanderError } from "commander";
import { version } from "../version.ts";
import { describeError, type ExitCode, exitCode } from "./exit-codes.ts";
import { withFlagNames } from "./flag-names.ts";

type MakeCommand = (signal: AbortSignal, finish: (code: ExitCode) => void) => Command;

/** In the order of the help. Each is loaded when it is wanted: all together take as long as an answer. */
const commands: Readonly<Record<string, () => Promise<MakeCommand>>> = {
  answer: async () => (await import("./answer-command.ts")).answerCommand,
  verify: async () => (await import("./verify-command.ts")).verifyCommand,
  evaluate: async () => (await import("./evaluate-command.ts")).evaluateCommand,
  explain: async () => (await import("./explain-command.ts")).explainCommand,
  export: async () => (await import("./export-command.ts")).exportCommand,
  tune: async () => (await import("./tune-command.ts")).tuneCommand,
  demo: async () => (await import("./demo-command.ts")).demoCommand,
};

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
  for (const makeCommand of await commandsFor(argv[2])) {
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

/** The one that is named; all of them for the help, and for whoever mistyped one. */
function commandsFor(name: string | undefined): Promise<MakeCommand[]> {
  const named = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  return Promise.all((named ? [named] : Object.values(commands)).map((load) => load()));
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
