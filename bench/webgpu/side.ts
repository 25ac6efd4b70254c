/**
 * Child processes that measure, one at a time, and print their results as lines of JSON.
 *
 * Must stay true: however a process ends, its results until then are kept, and the reason is reported.
 */
import { spawn } from "node:child_process";

export interface SideResult<Row> {
  readonly rows: readonly Row[];
  /** Why the process did not complete. */
  readonly failure: string | undefined;
}

/** A time limit, after which the process is killed. */
const maxMs = 150_000;

/** Runs this program again, as one side of a section. */
export function runSide<Row>(args: readonly string[]): Promise<SideResult<Row>> {
  return collect(process.execPath, [...process.execArgv, process.argv[1] ?? "", "webgpu", ...args]);
}

/** How long to wait for the pipes of an ended process, which its children may hold open. */
const graceMs = 2000;

/** The last line of a process that has measured everything, however it ends afterwards. */
export const done = "done";

/** @param command prints JSON objects, one per line, and finally `done`; other lines are ignored. */
export async function collect<Row>(command: string, args: readonly string[]): Promise<SideResult<Row>> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], timeout: maxMs, killSignal: "SIGKILL" });
  const [output, errors]: [string[], string[]] = [[], []];
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  const ending = await new Promise<string>((resolve) => {
    const end = (code: number | null, signal: string | null): void =>
      resolve(signal === null ? lastLine(errors) || `ended with ${code}` : `ended by ${signal}`);
    child.on("error", ({ message }) => resolve(message));
    child.on("close", end);
    child.on("exit", (code, signal) => setTimeout(end, graceMs, code, signal).unref());
  });
  const lines = output.join("").split("\n");
  return { rows: lines.flatMap(parseRow<Row>), failure: lines.includes(done) ? undefined : ending };
}

const lastLine = (output: readonly string[]): string | undefined => output.join("").trim().split("\n").at(-1);

function parseRow<Row>(line: string): Row[] {
  if (!line.startsWith("{")) return [];
  try {
    return [JSON.parse(line) as Row];
  } catch {
    // The last line of a process that was killed.
    return [];
  }
}
