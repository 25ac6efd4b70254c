/**
 * Runs the command on a pseudo-terminal, as a person does: by `script` of util-linux, else by Python's `pty`.
 */
import { spawn, spawnSync } from "node:child_process";
import { text } from "node:stream/consumers";
import { commandPath, unhurried } from "./command.ts";
import { repositoryRoot } from "./golden.ts";

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

const python = `
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))`;

type Wrap = (words: readonly string[]) => readonly [string, readonly string[]];

/** With `-e` the exit code is the command's. */
const byScript: Wrap = (words) => ["script", ["-qec", `exec ${words.map(quoted).join(" ")}`, "/dev/null"]];
const byPython: Wrap = (words) => ["python3", ["-c", python, ...words]];

const runs = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;

function findTerminal(): Wrap | undefined {
  if (runs("script", "-qec", "true", "/dev/null")) return byScript;
  return runs("python3", "-c", "import os, pty; os.waitstatus_to_exitcode") ? byPython : undefined;
}

const wrap = findTerminal();

/** Why nothing can be run on a terminal here. */
export const terminalMissing = wrap === undefined ? "neither script (util-linux) nor Python's pty is here" : undefined;

if (terminalMissing !== undefined) console.log(`Not tested on a terminal: ${terminalMissing}.`);

export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
  /** Once the screen shows this … */
  readonly after: RegExp;
  /** … these keys are pressed (`\\x03` is Ctrl-C), or the command is sent a signal. */
  readonly press: string | NodeJS.Signals;
}

export interface TerminalResult {
  readonly code: number | null;
  /** All that was sent to the terminal. */
  readonly screen: string;
}

export async function runOnTerminal(args: readonly string[], options: TerminalOptions): Promise<TerminalResult> {
  const { env, nodeArgs = [], after, press } = options;
  // The shell's number is the command's, which takes its place.
  const words = [
    "sh",
    "-c",
    'echo "process $$."; exec "$@"',
    "sh",
    process.execPath,
    ...unhurried,
    ...nodeArgs,
    commandPath,
    ...args,
  ];
  const [program, wrapped] = (wrap as Wrap)(words);
  const child = spawn(program, wrapped, {
    cwd: repositoryRoot,
    env: { ...process.env, NO_COLOR: "1", TERM: "xterm", SHELL: "/bin/sh", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let seen = "";
  child.stdout.on("data", (piece: Buffer) => {
    const before = after.test(seen);
    seen += piece.toString();
    if (before || !after.test(seen)) return;
    if (press.startsWith("SIG")) process.kill(Number(/process (\d+)\./.exec(seen)?.[1]), press as NodeJS.Signals);
    else child.stdin.write(press);
  });
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [screen, code] = await Promise.all([text(child.stdout), closed]);
  child.stdin.end();
  return { code, screen };
}
