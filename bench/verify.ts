/**
 * The time of each step of `fusebert verify`, with its default candidates on the built-in model.
 */
import { openCheckpoint } from "../src/architectures/checkpoint.ts";
import { FolderFiles } from "../src/checkpoint/node/folder-files.ts";
import { chooseCandidates } from "../src/cli/verify/candidates.ts";
import { verify } from "../src/verify/verify.ts";
import { machineLine } from "./machine.ts";

export async function benchVerify(): Promise<void> {
  console.log(machineLine());
  const checkpoint = await openCheckpoint(new FolderFiles(new URL("../models/builtin", import.meta.url).pathname));
  const options = { device: "auto", candidate: [], layer: "0", seed: 0 } as const;
  const { signal } = new AbortController();
  const { layers, inputs, embeddings, candidates } = await chooseCandidates(options, checkpoint, [0], signal);
  const steps = new Map<string, number>();
  let [step, since] = ["starting", performance.now()];
  const enter = (next: string): void => {
    const now = performance.now();
    steps.set(step, (steps.get(step) ?? 0) + now - since);
    [step, since] = [next.replace(/ \(\d+\)$/, ""), now];
  };
  const { config, weights } = checkpoint;
  const report = await verify({
    model: { name: "built-in", config, read: (parameter) => weights.read(parameter) },
    layers,
    inputs,
    ...(embeddings && { embeddings }),
    candidates,
    onStep: enter,
  });
  enter("done");
  await checkpoint.close();
  console.log(`\n${report.verdict}, ${report.seconds.toFixed(1)} s, ${report.sequence} tokens\n`);
  console.log("| step | s | share |");
  console.log("| --- | --- | --- |");
  for (const [name, ms] of [...steps].sort(([, a], [, b]) => b - a)) {
    console.log(`| ${name} | ${(ms / 1000).toFixed(2)} | ${(ms / 10 / report.seconds).toFixed(0)} % |`);
  }
}
