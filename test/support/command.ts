/**
 * Runs the built command as a person's shell would. What imports this has the package built.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { constants } from "node:os";
import { text } from "node:stream/consumers";
import { builtPackage } from "./build.ts";
import { repositoryRoot } from "./golden.ts";

await builtPackage();

export const commandPath = `${repositoryRoot}bin/fusebert.js`;

/** For Node, so that what the command does on the software GPU takes a quarter of the time. */
export const unhurried: readonly string[] = ["--import", new URL("unhurried-dawn.mjs", import.meta.url).href];

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly nodeArgs?: readonly string[];
  /** Sends a signal to the process once this resolves. */
  readonly stop?: { readonly when: Promise<unknown>; readonly signal: NodeJS.Signals };
}

export interface RunningCommand {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<CommandResult>;
}

/** Starts the command with a standard input that is the caller's to write and to end. */
export function startCommand(args: readonly string[], options: Omit<CommandOptions, "stdin"> = {}): RunningCommand {
  const { env, cwd = repositoryRoot, nodeArgs = [], stop } = options;
  const child = spawn(process.execPath, [...unhurried, ...nodeArgs, commandPath, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined); // The command may end without reading what it does not need.
  stop?.when.then(() => child.kill(stop.signal));
  const closed = new Promise<number | null>((resolve) => {
    // What a signal ended has the code that shells give it.
    child.on("close", (code, signal) => resolve(signal === null ? code : 128 + constants.signals[signal]));
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), closed]).then(([stdout, stderr, code]) => {
    return { code, stdout, stderr };
  });
  return { child, ended };
}

export function runCommand(args: readonly string[], { stdin = "", ...options }: CommandOptions = {}) {
  const { child, ended } = startCommand(args, options);
  child.stdin.end(stdin);
  return ended;
}

/**
 * Runs the command in a shell: `fusebert` in the script is the command, and redirections are the shell's. What is to be sent a
 * signal is started as `"${command[@]}"`.
 */
export async function runShell(script: string, env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
  const words = [process.execPath, ...unhurried, commandPath].map((word) => `'${word}'`).join(" ");
  const child = spawn("bash", ["-c", `command=(${words}); fusebert() { "\${command[@]}" "$@"; }\n${script}`], {
    cwd: repositoryRoot,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, stdout, stderr };
}
