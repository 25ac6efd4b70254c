/**
 * The command line: its commands, and how their errors are reported.
 *
 * Must stay true: standard output carries the result and nothing else; an error is one line on standard error and an exit
 * code; no input of a user causes a stack trace.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Command, CommanderError } from "commander";
import { displayable } from "../format/displayable.ts";
import { version } from "../version.ts";
import { describeError, type ExitCode, exitCode } from "./exit-codes.ts";
import { withFlagNames } from "./flag-names.ts";
import { Interruption } from "./interruption.ts";
import { guardStreams, note, print, settled, tell } from "./output.ts";

/** How long an interrupted command waits until its output is read. */
const writeOutMs = 200;

type MakeCommand = (signal: AbortSignal, finish: (code: ExitCode) => void) => Command;

/** In the order of the help. Imported on demand: importing all of them takes as long as an answer. */
const commands: Readonly<Record<string, () => Promise<MakeCommand>>> = {
  answer: async () => (await import("./answer/command.ts")).answerCommand,
  verify: async () => (await import("./verify/command.ts")).verifyCommand,
  evaluate: async () => (await import("./evaluate/command.ts")).evaluateCommand,
  explain: async () => (await import("./explain/command.ts")).explainCommand,
  export: async () => (await import("./export/command.ts")).exportCommand,
  tune: async () => (await import("./tune/command.ts")).tuneCommand,
  demo: async () => (await import("./demo/command.ts")).demoCommand,
};

/** Runs the command line and returns the exit code; after a signal it ends the process instead. */
export async function main(argv: readonly string[]): Promise<number> {
  silenceLibraries();
  guardStreams();
  const interruption = new Interruption();
  try {
    const code = await interruption.during(run(argv, interruption.signal));
    // A computation that blocks the event loop sees the signal only when it ends.
    if (interruption.isInterrupted) return await leave(interruption);
    return code;
  } catch (error) {
    if (interruption.isInterrupted) return await leave(interruption);
    if (error instanceof CommanderError) return exitCode.usage;
    const { message, code } = describeError(error);
    tell(withFlagNames(message));
    return code;
  }
}

async function leave(interruption: Interruption): Promise<never> {
  tell("interrupted.");
  // Lets printed output drain, unless its reader has stopped reading.
  await Promise.race([settled().catch(() => undefined), sleep(writeOutMs)]);
  return interruption.leave();
}

async function run(argv: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  let code: ExitCode = exitCode.answered;
  const program = new Command("fusebert")
    .description(
      "Question answering with BERT and its descendants, and the proof that a fused layer computes what the original computes.",
    )
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: note, outputError: tellWrongUsage })
    .addHelpText(
      "after",
      '\nExamples:\n  fusebert answer "Who wrote it?" --context book.txt\n  fusebert verify --candidate dump.safetensors\n',
    );
  for (const makeCommand of await commandsFor(argv[2])) {
    const command = makeCommand(signal, (result) => {
      code = result;
    });
    program.addCommand(command.copyInheritedSettings(program));
  }
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    // Help and version are no errors.
    if (!(error instanceof CommanderError && error.exitCode === 0)) throw error;
  }
  await settled();
  return code;
}

/** Commander's message: the error, and a suggestion. */
function tellWrongUsage(message: string): void {
  const lines = message
    .replace(/^error: /, "")
    .trimEnd()
    .split("\n");
  note(`fusebert: ${lines.map((line) => displayable(line)).join("\n")}\n`);
}

/** The named command; none for the version; all of them for the help, and for suggestions after a typing error. */
async function commandsFor(name: string | undefined): Promise<MakeCommand[]> {
  if (name === "-V" || name === "--version") return [];
  const named = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  return Promise.all((named ? [named] : Object.values(commands)).map((load) => load()));
}

/** A library that prints to standard output would corrupt the result. */
function silenceLibraries(): void {
  console.log = console.error;
  console.info = console.error;
  console.debug = console.error;
}
