/**
 * `npm run replay -- save`, then a change, then `npm run replay -- compare`: shows that a refactoring changes no kernel, or
 * which ones it changes, and how.
 *
 * No GPU is needed. Exit codes: 0 nothing differs or saved, 1 something differs, 2 wrong usage or no recording, 130 interrupted.
 */
import { Command, CommanderError } from "commander";
import { atLeastOne } from "../../src/cli/parse-options.ts";
import { Progress } from "../../src/cli/progress.ts";
import { FusebertError } from "../../src/errors.ts";
import { repositoryRoot } from "../../test/support/golden.ts";
import { compare } from "./compare.ts";
import { casesOf, type Selection } from "./corpus.ts";
import type { GeneratedKernel } from "./fingerprint.ts";
import { load, save } from "./recording.ts";
import { report } from "./report.ts";

const defaultFile = `${repositoryRoot}node_modules/.cache/replay/kernels.jsonl.br`;

const interruption = new AbortController();
process.once("SIGINT", () => interruption.abort());
const { signal } = interruption;

/** Interruptions take effect between two programs. */
async function* generate(selection: Selection): AsyncGenerator<GeneratedKernel> {
  const progress = new Progress();
  const cases = casesOf(selection);
  try {
    for (const [index, { kernels }] of cases.entries()) {
      progress.update("Generating kernels", index, cases.length);
      for (const some of kernels()) {
        yield* some;
        await new Promise<void>((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
      }
    }
  } finally {
    progress.stop();
  }
}

async function runSave(
  path: string,
  { only, all }: { readonly only?: string; readonly all?: boolean },
): Promise<number> {
  const selection = { only, everything: all === true };
  const { kernels, sources } = await save(path, selection, generate(selection), signal);
  console.log(`${kernels} kernels with ${sources} distinct sources are saved in ${path}.`);
  return 0;
}

interface CompareOptions {
  readonly ignoreNames?: boolean;
  readonly most: number;
}

async function runCompare(path: string, { ignoreNames = false, most }: CompareOptions): Promise<number> {
  const recording = await load(path, signal);
  const comparison = await compare(path, recording, generate(recording.selection), ignoreNames, signal);
  process.stdout.write(report(comparison, ignoreNames, most));
  return comparison.differences.length === 0 ? 0 : 1;
}

let code = 0;
const program = new Command("npm run replay --").exitOverride();
program
  .command("save")
  .description("record every kernel that is generated now")
  .argument("[file]", "where to", defaultFile)
  .option("--only <text>", "cases whose names have it, such as BERT-base")
  .option("--all", "every tile that the tuner may propose, not some of each kernel's: takes many minutes")
  .action(async (path, options) => {
    code = await runSave(path, options);
  });
program
  .command("compare")
  .description("compare what is generated now with a recording, in the selection that it was made with")
  .argument("[file]", "the recording", defaultFile)
  .option("--ignore-names", "sources that differ only in names and comments are the same")
  .option("--most <n>", "diffs to show", atLeastOne, 20)
  .action(async (path, options) => {
    code = await runCompare(path, options);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (signal.aborted) code = 130;
  else if (error instanceof CommanderError) code = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof FusebertError) {
    console.error(error.message);
    code = 2;
  } else throw error;
}
process.exitCode = code;
