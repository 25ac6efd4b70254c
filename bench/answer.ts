/**
 * Time and memory of `fusebert answer`, on texts from a paragraph to a novel.
 */
import { readFile } from "node:fs/promises";
import { machineLine } from "./machine.ts";
import { measureAnswer } from "./measured-command.ts";

const question = "Which building was designed by an architect from Vienna?";

/** UTF-16 code units: a paragraph, a long article, a novel. */
const lengths = [700, 45_000, 450_000];

/** Weights as float32, for the memory goal: three times this plus 200 MB. */
const modelFloat32MB = (25_533_796 / 1e6) * 2;

export async function benchAnswer(): Promise<void> {
  console.log(machineLine());
  console.log(`Memory goal: ${(3 * modelFloat32MB + 200).toFixed(0)} MB.\n`);
  console.log("| model | device | text | windows | ms | windows/s | process ms | in ONNX Runtime | peak MB |");
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const length of lengths) {
    const { report, processMs, peakBytes, runMs } = await measureAnswer([question], await novel(length));
    const { answerMs } = report.timing;
    const row = [
      report.model,
      report.device,
      length,
      report.windows,
      answerMs,
      ((report.windows / answerMs) * 1000).toFixed(1),
      processMs.toFixed(0),
      `${((runMs / answerMs) * 100).toFixed(0)} %`,
      (peakBytes / 1e6).toFixed(0),
    ];
    console.log(`| ${row.join(" | ")} |`);
  }
}

/** A text of the given length, from the contexts of the tests' questions. */
async function novel(length: number): Promise<string> {
  const path = new URL("../test/fixtures/golden/model/answers.json", import.meta.url);
  const questions = JSON.parse(await readFile(path, "utf8")) as { context: string }[];
  const paragraphs = questions.map(({ context }) => context);
  let text = "";
  for (let index = 0; text.length < length; index++) text += `${paragraphs[index % paragraphs.length]}\n\n`;
  return text.slice(0, length);
}
