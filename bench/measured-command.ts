/**
 * Runs the built command in a child process and measures it from outside and inside.
 */
import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { AnswerReport } from "../src/cli/answer/render.ts";

const command = fileURLToPath(new URL("../bin/fusebert.js", import.meta.url));
const hook = new URL("./measure-hook.mjs", import.meta.url).href;

export interface Measurement {
  readonly report: AnswerReport;
  /** From the start of the process to its end. */
  readonly processMs: number;
  /** Peak resident memory. */
  readonly peakBytes: number;
  /** Time inside ONNX Runtime's run calls. */
  readonly runMs: number;
}

/** `fusebert answer …args --json`, with the context on standard input. */
export async function measureAnswer(args: readonly string[], context: string): Promise<Measurement> {
  const started = performance.now();
  const child = spawn(process.execPath, ["--import", hook, command, "answer", ...args, "--json"], {
    stdio: ["pipe", "pipe", "inherit", "pipe"],
  });
  const [input, output, , measurements] = child.stdio as unknown as [Writable, Readable, null, Readable];
  input.end(context);
  const [printed, measured] = await Promise.all([text(output), text(measurements)]);
  const processMs = performance.now() - started;
  const report = JSON.parse(printed) as AnswerReport;
  return { report, processMs, ...(JSON.parse(measured) as Pick<Measurement, "peakBytes" | "runMs">) };
}
