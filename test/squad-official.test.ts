/**
 * The scorer against the official scripts' figures for published predictions, on the whole development sets. These are not
 * in the repository: name their folder in FUSEBERT_SQUAD.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readPackedText } from "../src/evaluate/node/read-packed-text.ts";
import { parsePredictions } from "../src/evaluate/predictions-file.ts";
import { scoreDataset } from "../src/evaluate/score-dataset.ts";
import { parseSquad } from "../src/evaluate/squad.ts";

const folder = process.env["FUSEBERT_SQUAD"] ?? "";
const isThere = existsSync(join(folder, "dev-v1.1.json.xz"));
if (!isThere) {
  console.log(
    "The scorer is not tested on the whole development sets: FUSEBERT_SQUAD names no folder with dev-v1.1.json.xz, " +
      "dev-v2.0.json.xz and predictions/.",
  );
}

async function scoresOf(kind: string, predictions: string) {
  const dataset = parseSquad(await readPackedText(join(folder, `dev-v${kind}.json.xz`)), kind);
  const path = join(folder, "predictions", `${predictions}.json.xz`);
  return scoreDataset(dataset, parsePredictions(await readPackedText(path), path));
}

const rounded = ({ exact, f1, total }: { readonly exact: number; readonly f1: number; readonly total: number }) =>
  `${exact.toFixed(3)} ${f1.toFixed(3)} ${total}`;

test.runIf(isThere)("1.1: a BERT ensemble", async () => {
  const scores = await scoresOf("1.1", "v1.1-bert-ensemble");
  expect(rounded(scores)).toBe("86.206 92.196 10570");
  expect(scores.missing).toEqual([]);
});

test.runIf(isThere)("1.1: logistic regression, where predictions are missing", async () => {
  const scores = await scoresOf("1.1", "v1.1-logistic-regression");
  expect(rounded(scores)).toBe("40.142 50.982 10570");
  expect(scores.missing).toHaveLength(13);
});

test.runIf(isThere)("2.0: one BERT", async () => {
  const { hasAnswer, noAnswer, ...all } = await scoresOf("2.0", "v2.0-bert-single");
  expect(rounded(all)).toBe("78.742 81.775 11873");
  expect(hasAnswer && rounded(hasAnswer)).toBe("74.106 80.182 5928");
  expect(noAnswer && rounded(noAnswer)).toBe("83.364 83.364 5945");
});
