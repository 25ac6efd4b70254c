/**
 * `npm run bench`: compares fusebert with its alternatives on the same weights, texts and machine, in one run.
 */
import { machineLine } from "../machine.ts";
import { measureDownloads } from "./downloads.ts";
import { exportModel, installPeers } from "./prepare.ts";
import { race } from "./race.ts";
import { renderReport } from "./report.ts";
import { installedSizes } from "./sizes.ts";
import { readTexts } from "./texts.ts";

const contestants = [
  "fusebert",
  "fusebert-wasm",
  "fusebert-webgpu",
  "transformers",
  "transformers-lists",
  "onnxruntime-node",
  "onnxruntime-web",
];

const rounds = { starts: 11, paragraph: 30, long: 2, mixed: 3 };

export async function benchPeers(): Promise<void> {
  await installPeers();
  await using model = await exportModel();
  const texts = await readTexts();
  const measured = {
    race: await race(contestants, model.folder, texts, rounds, tell),
    windows: texts.long.text.pieces.length,
    questions: texts.mixed.length,
    sizes: await installedSizes(),
    downloads: await measureDownloads(model.folder, texts.sentence),
  };
  console.log(`${machineLine()}\n`);
  console.log(renderReport(measured));
}

let lastJob = "";

/** On a terminal one line that is overwritten; elsewhere a line for every job. */
function tell(step: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${step}`);
  else {
    const job = step.split(":")[0] as string;
    if (job !== lastJob) console.error(job);
    lastJob = job;
  }
}
