/**
 * `npm run bench -- webgpu-proof [--output FILE] [--precision P]… [--level L]… [--questions N] [--trusted-kernels]`: checks
 * the GPU's results in all its precisions and at all levels, by `verify` on the built-in model, both unit-weight tests, and
 * a comparison of the answers to 200 SQuAD questions with the CPU engine's. The options select a part of it.
 */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { openCheckpoint } from "../src/architectures/checkpoint.ts";
import { FolderFiles } from "../src/checkpoint/node/folder-files.ts";
import { chooseCandidates } from "../src/cli/verify/candidates.ts";
import { type GpuPrecision, gpuPrecisions } from "../src/engines/webgpu/device/precision.ts";
import { messageOf } from "../src/errors.ts";
import { createGpuEngine } from "../src/platform/node.ts";
import type { GpuEngineOptions } from "../src/platform/platform.ts";
import { QuestionAnswerer } from "../src/question-answerer.ts";
import { type Level, levels } from "../src/schedule/levels.ts";
import type { CandidateReport, Comparison, StageReport, VerifyReport } from "../src/verify/report/report.ts";
import { verify } from "../src/verify/verify.ts";
import { machineLine } from "./machine.ts";
import { Report } from "./report.ts";
import { repositoryFile } from "./repository-file.ts";

interface Sample {
  readonly questions: readonly { readonly question: string; readonly context: string }[];
}

interface Scope {
  readonly precisions: readonly GpuPrecision[];
  readonly levels: readonly Level[];
  readonly questions: number;
  readonly trustedKernels: boolean;
}

export async function benchWebGpuProof(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      output: { type: "string" },
      precision: { type: "string", multiple: true },
      level: { type: "string", multiple: true },
      questions: { type: "string", default: "200" },
      "trusted-kernels": { type: "boolean", default: false },
    },
  });
  const report = new Report(values.output);
  const scope: Scope = {
    precisions: chosenOf(gpuPrecisions, values.precision),
    levels: chosenOf(levels, values.level),
    questions: Number.parseInt(values.questions, 10),
    trustedKernels: values["trusted-kernels"],
  };
  report.line(`# What the GPU computes, ${new Date().toISOString().slice(0, 10)}\n\n${machineLine()}\n`);
  report.line(`Kernels are ${scope.trustedKernels ? "trusted" : "checked by Dawn"}.\n`);
  const available = await findPrecisions(report, scope);
  await compareAnswers(report, { ...scope, precisions: available });
  // One at a time, so that the results of one are written before the next starts.
  for (const precision of available) await verifyAll(report, { ...scope, precisions: [precision] });
}

/** @throws RangeError for an unknown name. */
function chosenOf<T extends string>(all: readonly T[], names: readonly string[] = all): T[] {
  const unknown = names.find((name) => !all.some((known) => known === name));
  if (unknown !== undefined) throw new RangeError(`There is no ${unknown}; expected one of ${all.join(", ")}.`);
  return all.filter((known) => names.includes(known));
}

/** The precisions that the GPU supports. */
async function findPrecisions(report: Report, { precisions }: Scope): Promise<GpuPrecision[]> {
  const available: GpuPrecision[] = [];
  for (const precision of precisions) {
    const engine = await createGpuEngine({ precision });
    try {
      report.line(`* ${precision}: ${(await engine.probe()).description}`);
      available.push(precision);
    } catch (error) {
      report.line(`* ${precision}: ${messageOf(error)}`);
    }
    await engine.dispose();
  }
  return available;
}

async function verifyAll(report: Report, { precisions, levels: wanted, trustedKernels }: Scope): Promise<void> {
  const checkpoint = await openCheckpoint(new FolderFiles(repositoryFile("models/builtin")));
  const options = {
    device: "webgpu",
    candidate: [],
    layer: "0",
    seed: 0,
    skipSelfTest: true,
    trustedKernels,
  } as const;
  const { signal } = new AbortController();
  const chosen = await Promise.all(
    precisions.flatMap((precision) =>
      wanted.map((level) => chooseCandidates({ ...options, precision, level }, checkpoint, [0], signal)),
    ),
  );
  const [first] = chosen;
  if (first === undefined) return;
  const { config, weights } = checkpoint;
  const verified = await verify({
    model: { name: "built-in", config, read: (parameter) => weights.read(parameter) },
    layers: [0],
    inputs: first.inputs,
    ...(first.embeddings && { embeddings: first.embeddings }),
    candidates: chosen.flatMap(({ candidates }) => candidates),
    onStep: (step) => /\(\d+\)$/.test(step) || console.error(step),
  });
  await checkpoint.close();
  writeCandidates(report, verified);
  writeStages(report, verified);
}

function writeCandidates(report: Report, { candidates, unitWeights }: VerifyReport): void {
  report.tableHead(["candidate", "unit weights", "layer 0", "largest ratio", "largest relative L2", "layouts", "says"]);
  for (const candidate of candidates) {
    const unit = unitWeights.filter((test) => test.candidate === candidate.name);
    const { verdict, layers, layouts } = candidate;
    const comparisons = stagesOf(candidate).flatMap(comparisonsOf);
    report.row([
      candidate.name,
      unit.map((test) => `${test.kind} ${test.size} ${test.verdict}`).join(", "),
      verdict,
      largestRatio(comparisons).toFixed(2),
      Math.max(...comparisons.map(({ statistics }) => statistics.l2Relative)).toExponential(1),
      layouts.every(({ asExpected }) => asExpected) ? "as expected" : "NOT as expected",
      layers[0]?.diagnosis.sentence ?? "",
    ]);
  }
}

/** Stages of the instrumented run, which only locates faults, are in brackets. */
function writeStages(report: Report, { candidates }: VerifyReport): void {
  report.line(
    "\nThe largest ratio of each stage, propagated or shadow. Stages that users' kernels do not store are not",
  );
  report.line("judged, and are in brackets.");
  report.tableHead(["stage", ...candidates.map(({ name }) => name)]);
  for (const stage of new Set(candidates.flatMap((candidate) => stagesOf(candidate).map((found) => found.stage)))) {
    const cells = candidates.map((candidate) => {
      const found = stagesOf(candidate).find((other) => other.stage === stage);
      if (found === undefined || comparisonsOf(found).length === 0) return "";
      const ratio = largestRatio(comparisonsOf(found)).toFixed(2);
      return found.judged ? ratio : `(${ratio})`;
    });
    report.row([stage, ...cells]);
  }
}

const stagesOf = ({ layers }: CandidateReport): StageReport[] => layers.flatMap(({ stages }) => stages);

const comparisonsOf = ({ propagated, shadow }: StageReport): Comparison[] =>
  [propagated, shadow].filter((comparison) => comparison !== null);

const largestRatio = (comparisons: readonly Comparison[]): number =>
  Math.max(...comparisons.map(({ ratio }) => ratio ?? Number.POSITIVE_INFINITY));

async function compareAnswers(report: Report, { precisions, questions: limit, trustedKernels }: Scope): Promise<void> {
  const text = await readFile(repositoryFile("test/fixtures/squad/sample-200.json"), "utf8");
  const questions = (JSON.parse(text) as Sample).questions.slice(0, limit);
  const expected = await answersOn("cpu", undefined, questions);
  report.tableHead(["precision", "same spans as the CPU's", "questions/s"]);
  const differences: string[] = [];
  for (const precision of precisions) {
    const found = await answersOn("webgpu", { precision, trustedKernels }, questions);
    const different = found.spans.flatMap((span, index) => (span === expected.spans[index] ? [] : [index]));
    const same = questions.length - different.length;
    report.row([precision, `${same} of ${questions.length}`, (questions.length / found.seconds).toFixed(0)]);
    for (const index of different) {
      differences.push(
        `${precision}: ${questions[index]?.question} ${found.spans[index]} instead of ${expected.spans[index]}`,
      );
    }
  }
  report.row(["(CPU)", "", (questions.length / expected.seconds).toFixed(0)]);
  for (const difference of differences) report.line(`\n* ${difference}`);
}

async function answersOn(
  device: "cpu" | "webgpu",
  gpu: GpuEngineOptions | undefined,
  questions: Sample["questions"],
): Promise<{ readonly spans: string[]; readonly seconds: number }> {
  const answerer = await QuestionAnswerer.load(undefined, { device, ...(gpu && { gpu }) });
  await answerer.answer(questions.slice(0, 8));
  const started = performance.now();
  const results = await answerer.answer(questions);
  const seconds = (performance.now() - started) / 1000;
  await answerer.dispose();
  const spans = results.map(({ answers: [best] }) =>
    best ? `${best.start}-${best.end} ${JSON.stringify(best.text)}` : "none",
  );
  return { spans, seconds };
}
