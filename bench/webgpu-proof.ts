/**
 * Whether the GPU is right, in every precision it has and at every level: `verify`'s own comparison on the built-in model
 * and both unit-weight tests, and the answers to 200 SQuAD questions against the CPU engine's.
 */
import { readFile } from "node:fs/promises";
import { openCheckpoint } from "../src/checkpoint/checkpoint.ts";
import { FolderFiles } from "../src/checkpoint/node/folder-files.ts";
import { chooseCandidates } from "../src/cli/verify-candidates.ts";
import { gpuPrecisions } from "../src/engines/webgpu/codegen/storage.ts";
import { messageOf } from "../src/errors.ts";
import { levels } from "../src/passes/levels.ts";
import { createGpuEngine } from "../src/platform/node.ts";
import type { GpuEngineOptions } from "../src/platform/platform.ts";
import { QuestionAnswerer } from "../src/question-answerer.ts";
import type { CandidateReport, Comparison } from "../src/verify/report.ts";
import { verify } from "../src/verify/verify.ts";
import { machineLine } from "./machine.ts";

interface Sample {
  readonly questions: readonly { readonly question: string; readonly context: string }[];
}

const repositoryFile = (path: string): string => new URL(`../${path}`, import.meta.url).pathname;

export async function benchWebGpuProof(): Promise<void> {
  console.log(machineLine());
  const available: (typeof gpuPrecisions)[number][] = [];
  for (const precision of gpuPrecisions) {
    const engine = await createGpuEngine({ precision });
    try {
      console.log(`${precision}: ${(await engine.probe()).description}`);
      available.push(precision);
    } catch (error) {
      console.log(`${precision}: ${messageOf(error)}`);
    }
    await engine.dispose();
  }
  await verifyAll(available);
  await compareAnswers(available);
}

async function verifyAll(precisions: readonly (typeof gpuPrecisions)[number][]): Promise<void> {
  const checkpoint = await openCheckpoint(new FolderFiles(repositoryFile("models/builtin")));
  const options = { device: "webgpu", candidate: [], layer: "0", seed: 0, skipSelfTest: true } as const;
  const chosen = await Promise.all(
    precisions.flatMap((precision) =>
      levels.map((level) => chooseCandidates({ ...options, precision, level }, checkpoint, [0])),
    ),
  );
  const [first] = chosen;
  if (first === undefined) return;
  const { config, weights } = checkpoint;
  const report = await verify({
    model: { name: "built-in", config, read: (parameter) => weights.read(parameter) },
    layers: [0],
    inputs: first.inputs,
    ...(first.embeddings && { embeddings: first.embeddings }),
    candidates: chosen.flatMap(({ candidates }) => candidates),
  });
  await checkpoint.close();
  console.log("\n| candidate | unit weights | layer 0 | largest ratio | largest relative L2 | layouts | says |");
  console.log("| --- | --- | --- | --- | --- | --- | --- |");
  for (const candidate of report.candidates) {
    const unit = report.unitWeights.filter((test) => test.candidate === candidate.name);
    const { verdict, layers, layouts } = candidate;
    const comparisons = comparisonsOf(candidate);
    console.log(
      `| ${[
        candidate.name,
        unit.map((test) => `${test.kind} ${test.size} ${test.verdict}`).join(", "),
        verdict,
        Math.max(...comparisons.map(({ ratio }) => ratio ?? Number.POSITIVE_INFINITY)).toFixed(2),
        Math.max(...comparisons.map(({ statistics }) => statistics.l2Relative)).toExponential(1),
        layouts.every(({ asExpected }) => asExpected) ? "as expected" : "NOT as expected",
        layers[0]?.diagnosis.sentence ?? "",
      ].join(" | ")} |`,
    );
  }
}

const comparisonsOf = ({ layers }: CandidateReport): Comparison[] =>
  layers
    .flatMap(({ stages }) => stages)
    .flatMap(({ propagated, shadow }) => [propagated, shadow])
    .filter((comparison) => comparison !== null);

async function compareAnswers(precisions: readonly (typeof gpuPrecisions)[number][]): Promise<void> {
  const text = await readFile(repositoryFile("test/fixtures/squad/sample-200.json"), "utf8");
  const { questions } = JSON.parse(text) as Sample;
  const expected = await answersOn("cpu", undefined, questions);
  console.log("\n| precision | same spans as the CPU's | questions a second |");
  console.log("| --- | --- | --- |");
  const differences: string[] = [];
  for (const precision of precisions) {
    const found = await answersOn("webgpu", { precision }, questions);
    const different = found.spans.flatMap((span, index) => (span === expected.spans[index] ? [] : [index]));
    const same = questions.length - different.length;
    console.log(`| ${precision} | ${same} of ${questions.length} | ${(questions.length / found.seconds).toFixed(0)} |`);
    for (const index of different) {
      differences.push(
        `${precision}: ${questions[index]?.question} ${found.spans[index]} instead of ${expected.spans[index]}`,
      );
    }
  }
  console.log(`| (CPU) | | ${(questions.length / expected.seconds).toFixed(0)} |`);
  for (const difference of differences) console.log(`\n* ${difference}`);
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
