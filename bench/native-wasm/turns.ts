/** Answers with both engines in turns, with as many threads as the first argument says, and prints the times as JSON. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { QuestionAnswerer } from "../../src/question-answerer.ts";
import { repositoryFile } from "../repository-file.ts";
import { type Device, devices, type Turns } from "./main.ts";

const [threads = 1, rounds = 1] = process.argv.slice(2).map(Number);

/** UTF-16 code units. */
const lengths = { "a sentence": 70, "a paragraph": 700, "a page": 3000, "an article": 9000 };

/** Until the other engine's threads, which wait busily for a while, have gone to sleep. */
const pauseMs = 200;

const question = "Which building was designed by an architect from Vienna?";

const golden = await readFile(repositoryFile("test/fixtures/golden/model/answers.json"), "utf8");
const passages = (JSON.parse(golden) as { context: string }[]).map(({ context }) => context).join("\n\n");

const answerers = {} as Record<Device, QuestionAnswerer>;
for (const device of devices) answerers[device] = await QuestionAnswerer.load(undefined, { device, threads });

const rows: Turns["rows"][number][] = [];
for (const [name, length] of Object.entries(lengths)) {
  const context = passages.slice(0, length);
  const ms: Record<Device, number[]> = { cpu: [], wasm: [] };
  const found = new Set<string>();
  let windows = 0;
  // Two rounds to warm up: WebAssembly is compiled further while it runs.
  for (let round = -2; round < rounds; round++) {
    for (const device of devices) {
      await sleep(pauseMs);
      const started = performance.now();
      const result = await answerers[device].answer({ question, context });
      if (round >= 0) ms[device].push(performance.now() - started);
      found.add(result.answers[0]?.text ?? "");
      windows = result.windows;
    }
  }
  if (found.size !== 1) throw new Error(`${name}: native code and WebAssembly differ: ${[...found].join(" | ")}`);
  rows.push({ name: `${name}, ${context.length} characters`, windows, ms });
}
console.log(JSON.stringify({ rows } satisfies Turns));
for (const device of devices) await answerers[device].dispose();
