/**
 * Processes that measure: started one after another, each telling what it finds in lines of JSON.
 *
 * Must stay true: whatever becomes of such a process, what it had found is kept, and why it ended is known.
 */
import { spawn } from "node:child_process";

export interface SideResult<Row> {
  readonly rows: readonly Row[];
  /** Why it did not come to its end. */
  readonly failure: string | undefined;
}

/** None has a right to more of a borrowed GPU's time; it is ended by SIGKILL then. */
const maxMs = 150_000;

/** Runs this program again, as one side of a section. */
export function runSide<Row>(args: readonly string[]): Promise<SideResult<Row>> {
  return collect(process.execPath, [...process.execArgv, process.argv[1] ?? "", "webgpu", ...args]);
}

/** What a process left behind may hold its pipes open; that is not waited for. */
const graceMs = 2000;

/** The last line of a process that has measured everything; how it comes to its end does not matter then. */
export const done = "done";

/** @param command prints JSON objects, one a line, and at last `done`; what else it prints is not looked at. */
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
