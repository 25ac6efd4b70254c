/**
 * `npm run bench -- webgpu [section…] [--output FILE] [--model tiny]`: the speed of the WebGPU engine, compared with others in
 * one session and one report. Without a section it runs all of them; progress goes to standard error.
 *
 * Must stay true: only one process at a time uses the GPU.
 */
import { parseArgs } from "node:util";
import { messageOf } from "../../src/errors.ts";
import { machineLine } from "../machine.ts";
import { Report } from "../report.ts";
import { gemm } from "./gemm.ts";
import { host } from "./host.ts";
import { kernels } from "./kernels.ts";
import { ladder } from "./ladder.ts";
import { latency } from "./latency.ts";
import { machine } from "./machine.ts";
import { residency } from "./residency.ts";
import type { Section } from "./section.ts";
import { type Setup, setupNamed } from "./setup.ts";
import { done, runSide, type SideResult } from "./side.ts";
import { throughput } from "./throughput.ts";

const sections: readonly Section[] = [latency, ladder, throughput, kernels, gemm, host, residency];

interface CommandLine {
  readonly setup: Setup;
  readonly chosen: readonly Section[];
  readonly output: string | undefined;
  /** In a child process, the side of its one section to measure. */
  readonly side: string | undefined;
}

export async function benchWebGpu(): Promise<void> {
  const { setup, chosen, output, side } = readCommandLine();
  const [section] = chosen;
  if (side !== undefined && section !== undefined) return measureSide(section, setup, side);
  await writeReport(new Report(output), setup, chosen);
}

/** Ends the process if the arguments are wrong. */
function readCommandLine(): CommandLine {
  try {
    const { values, positionals } = parseArgs({
      args: process.argv.slice(3),
      allowPositionals: true,
      options: { output: { type: "string" }, model: { type: "string", default: "base" }, side: { type: "string" } },
    });
    const chosen = positionals.length === 0 ? sections : positionals.map(sectionNamed);
    return { setup: setupNamed(values.model), chosen, output: values.output, side: values.side };
  } catch (error) {
    console.error(messageOf(error));
    process.exit(2);
  }
}

function sectionNamed(name: string): Section {
  const section = [...sections, machine].find((known) => known.name === name);
  if (section !== undefined) return section;
  throw new RangeError(
    `There is no section ${name}; expected one of ${sections.map((known) => known.name).join(", ")}.`,
  );
}

/** Measures one side and ends the process, including any work that the side leaves running. */
async function measureSide(section: Section, setup: Setup, side: string): Promise<never> {
  try {
    await section.measure(setup, side, (row) => console.log(JSON.stringify(row)));
    console.log(done);
  } catch (error) {
    console.error(messageOf(error).split("\n", 1)[0]);
    process.exit(1);
  }
  process.exit(0);
}

async function writeReport(report: Report, setup: Setup, chosen: readonly Section[]): Promise<void> {
  const date = new Date().toISOString().slice(0, 10);
  report.line(setup.name === "base" ? `# BERT-base on a GPU, ${date}` : trialTitle(setup));
  report.line(`\n${machineLine()}`);
  for (const section of [machine, ...chosen]) {
    const started = performance.now();
    if (section !== machine) report.heading(section.title);
    await section.write(report, setup, (side) => announced(section, setup, side));
    console.error(`${section.name}: ${secondsSince(started)}`);
  }
}

const trialTitle = ({ config }: Setup): string =>
  `# NO MEASUREMENT: a tiny model (${config.layers} layers of ${config.hiddenSize}), to test the benchmark`;

async function announced(section: Section, setup: Setup, side: string): Promise<SideResult<unknown>> {
  const started = performance.now();
  const result = await runSide([section.name, "--model", setup.name, "--side", side]);
  const ending = result.failure === undefined ? "" : `, ${result.failure}`;
  console.error(`  ${section.name} ${side}: ${secondsSince(started)}${ending}`);
  return result;
}

const secondsSince = (started: number): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
