/**
 * `npm run bench -- starts [--rounds N] [--output FILE]`: from the start of a process to the first answer, beside the peers,
 * and how long `fusebert --version` takes beside a Node that does nothing.
 *
 * Must stay true: each takes its turn in every round, and ratios and differences are medians over rounds, so that a machine
 * that is slow for a while is slow for all.
 */
import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { medianOf } from "../src/format/median.ts";
import { machineLine } from "./machine.ts";
import { Contestant, type Outcome } from "./peers/contestant.ts";
import { exportModel, installPeers } from "./peers/prepare.ts";
import { readTexts } from "./peers/texts.ts";
import { Report } from "./report.ts";

const contestants = ["fusebert", "transformers", "onnxruntime-node", "fusebert-wasm", "onnxruntime-web"];
/** What ratios refer to. */
const baseline = "transformers";

const command = fileURLToPath(new URL("../bin/fusebert.js", import.meta.url));
const commands: Readonly<Record<string, readonly string[]>> = {
  "node -e 0": ["-e", "0"],
  "fusebert --version": [command, "--version"],
  "fusebert --help": [command, "--help"],
};

export async function benchStarts(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { rounds: { type: "string", default: "21" }, output: { type: "string" } },
  });
  const rounds = Number.parseInt(values.rounds, 10);
  await installPeers();
  const report = new Report(values.output);
  report.line(`# Starts of processes, ${new Date().toISOString().slice(0, 10)}\n`);
  report.line(`${machineLine()}, load average ${(loadavg()[0] ?? 0).toFixed(1)} before\n`);
  report.line(
    `\`npm run bench -- starts --rounds ${rounds}\`. Medians of ${rounds} rounds, with the fastest in brackets; each takes its turn in every round, and ratios and differences are medians over rounds. The built-in model's weights in float32.`,
  );
  await firstAnswers(report, rounds);
  timeCommands(report, rounds);
}

async function firstAnswers(report: Report, rounds: number): Promise<void> {
  await using model = await exportModel();
  const { sentence } = await readTexts();
  const outcomes = new Map<string, Outcome[]>(contestants.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, measured] of outcomes) {
      const contestant = await Contestant.start(name, model.folder, sentence);
      contestant.stop();
      measured.push(contestant.first);
    }
  }
  report.heading("From the start of a process to its first answer");
  report.tableHead(["", "ms", `ratio to ${baseline}`, "peak memory, MB"]);
  const msOf = (name: string) => (outcomes.get(name) ?? []).map(({ ms }) => ms);
  for (const [name, measured] of outcomes) {
    const ratio = medianOf(paired(msOf(name), msOf(baseline), (ms, other) => ms / other));
    const memory = medianOf(measured.map(({ peakBytes }) => peakBytes)) / 1e6;
    report.row([name, milliseconds(msOf(name)), `${ratio.toFixed(2)} ×`, memory.toFixed(0)]);
  }
}

function timeCommands(report: Report, rounds: number): void {
  const times = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, measured] of times) measured.push(timeOf(commands[name] ?? []));
  }
  const [nothing = []] = [...times.values()];
  report.heading("The command");
  report.tableHead(["", "ms", "more than `node -e 0`"]);
  for (const [name, measured] of times) {
    const more = medianOf(paired(measured, nothing, (ms, other) => ms - other));
    report.row([`\`${name}\``, milliseconds(measured), `${more.toFixed(0)} ms`]);
  }
}

function timeOf(args: readonly string[]): number {
  const began = performance.now();
  spawnSync(process.execPath, args, { stdio: "ignore" });
  return performance.now() - began;
}

const paired = (own: readonly number[], others: readonly number[], of: (own: number, other: number) => number) =>
  own.map((value, round) => of(value, others[round] ?? Number.NaN));

const milliseconds = (ms: readonly number[]): string => `${medianOf(ms).toFixed(0)} (${Math.min(...ms).toFixed(0)})`;
