/**
 * `npm run bench -- native-wasm [--rounds N] [--output FILE]`: ONNX Runtime as native code (the optional package
 * onnxruntime-node) and as WebAssembly (what is in the package), on the built-in model: answers, process starts and peak memory.
 *
 * Must stay true: both take turns, so that whatever else the machine does meets both, and they give the same answers.
 */
import { spawn } from "node:child_process";
import { availableParallelism, loadavg } from "node:os";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { medianOf } from "../../src/format/median.ts";
import { machineLine } from "../machine.ts";
import { type Measurement, measureAnswer } from "../measured-command.ts";
import { Report } from "../report.ts";

/** What `turns.ts` prints. */
export interface Turns {
  readonly rows: readonly {
    readonly name: string;
    readonly windows: number;
    /** Milliseconds of each round, by device. */
    readonly ms: Readonly<Record<Device, readonly number[]>>;
  }[];
}

export type Device = (typeof devices)[number];
export const devices = ["cpu", "wasm"] as const;

const turnsScript = fileURLToPath(new URL("turns.ts", import.meta.url));

export async function benchNativeWasm(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { rounds: { type: "string", default: "15" }, output: { type: "string" } },
  });
  const report = new Report(values.output);
  const rounds = Number.parseInt(values.rounds, 10);
  report.line(
    `# ONNX Runtime, native and WebAssembly, ${new Date().toISOString().slice(0, 10)}\n\n${machineLine()}, load average ${(loadavg()[0] ?? 0).toFixed(1)} before\n`,
  );
  report.line(
    `\`npm run bench -- native-wasm --rounds ${rounds}\`. The built-in model in float32. Both take turns in one process, ${rounds} rounds; times are medians in milliseconds, with the fastest round in brackets. The ratio is of medians, in brackets of the fastest rounds.`,
  );
  const threads = [...new Set([1, availableParallelism()])];
  for (const count of threads) await answers(report, count, rounds);
  await starts(report, Math.ceil(rounds / 3));
}

async function answers(report: Report, threads: number, rounds: number): Promise<void> {
  report.heading(`Answers, ${threads} ${threads === 1 ? "thread" : "threads"}`);
  const { rows } = await turnsWith(threads, rounds);
  report.tableHead(["text", "windows", "native", "WebAssembly", "ratio"]);
  for (const { name, windows, ms } of rows) report.row([name, windows, ...cells(ms.cpu, ms.wasm)]);
}

/** WebAssembly's threads are made once a process, so each number of threads has one of its own. */
async function turnsWith(threads: number, rounds: number): Promise<Turns> {
  const args = ["--import", "tsx", turnsScript, String(threads), String(rounds)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  return JSON.parse(await text(child.stdout)) as Turns;
}

async function starts(report: Report, rounds: number): Promise<void> {
  report.heading("The command, from its start to its end, and its peak memory");
  const measured = { cpu: [] as Measurement[], wasm: [] as Measurement[] };
  for (let round = 0; round < rounds; round++) {
    for (const device of devices) measured[device].push(await start(device));
  }
  const ms = (device: Device) => measured[device].map(({ processMs }) => processMs);
  report.tableHead(["", "native", "WebAssembly", "ratio"]);
  report.row(["`fusebert answer`, one window", ...cells(ms("cpu"), ms("wasm"))]);
  const [native, wasm] = devices.map((device) => Math.max(...measured[device].map(({ peakBytes }) => peakBytes)) / 1e6);
  report.row(["peak memory, MB", (native ?? 0).toFixed(0), (wasm ?? 0).toFixed(0), ratio(wasm, native)]);
}

async function start(device: Device): Promise<Measurement> {
  const measured = await measureAnswer(["Who wrote it?", "--device", device], "Mary Shelley wrote it.");
  const answer = measured.report.answers[0]?.text;
  if (answer !== "Mary Shelley") throw new Error(`${device} answered: ${answer}`);
  return measured;
}

function cells(native: readonly number[], wasm: readonly number[]): string[] {
  const shown = (list: readonly number[]) => `${medianOf(list).toFixed(1)} (${Math.min(...list).toFixed(1)})`;
  const ratios = `${ratio(medianOf(wasm), medianOf(native))} (${ratio(Math.min(...wasm), Math.min(...native))})`;
  return [shown(native), shown(wasm), ratios];
}

const ratio = (a = Number.NaN, b = Number.NaN): string => `${(a / b).toFixed(1)} ×`;
