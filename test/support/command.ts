/**
 * Runs the built command as a person's shell would.
 */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { repositoryRoot } from "./golden.ts";

export const commandPath = `${repositoryRoot}bin/fusebert.js`;

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
  /** Sends a signal to the process once it has run so many milliseconds. */
  readonly interruptAfterMs?: number;
  /** Sends a signal to the process once this resolves. */
  readonly stop?: { readonly when: Promise<unknown>; readonly signal: "SIGINT" | "SIGKILL" };
}

export async function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { stdin = "", env, cwd = repositoryRoot, nodeArgs = [], interruptAfterMs, stop } = options;
  const child = spawn(process.execPath, [...nodeArgs, commandPath, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined); // The command may end without reading what it does not need.
  child.stdin.end(stdin);
  const timer = interruptAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGINT"), interruptAfterMs);
  stop?.when.then(() => child.kill(stop.signal));
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  clearTimeout(timer);
  return { code, stdout, stderr };
}
