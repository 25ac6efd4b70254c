/**
 * Puts a diagnosis into sentences.
 *
 * Must stay true: they say no more than was found and tested.
 */
import { formatRatio, listed, shortStage } from "../../format/numbers.ts";
import type { Precision } from "../layer/precision.ts";
import type { Cause, DiagnosisReport, StageReport } from "../report/report.ts";
import type { DumpedElsewhere } from "./find-dump-points.ts";

/** Groups of causes with one description, as all six biases or the parameters of both LayerNorms. */
const families: readonly { readonly ids: RegExp; readonly count: number; readonly says: string }[] = [
  { ids: /^no-bias:/, count: 6, says: "leaves out every bias of its dense layers" },
  { ids: /^no-norm-(weight|bias):/, count: 4, says: "applies LayerNorm without its weight and bias" },
  { ids: /^no-norm-weight:/, count: 2, says: "applies LayerNorm without its weight" },
  { ids: /^no-norm-bias:/, count: 2, says: "applies LayerNorm without its bias" },
  { ids: /^transposed:/, count: 6, says: "reads all six weight matrices transposed" },
  { ids: /^transposed:(query|key|value)$/, count: 3, says: "reads the weights of query, key and value transposed" },
];

const biasNames = /^leaves out the bias of (the (?:query|key|value|attention output|intermediate|output))$/;

/** The sentence if no stage has its inputs in the dump, or none has finite elements. */
export const nothingToDiagnose = "No stage can be recomputed from what is there: nothing can be said about causes.";

/**
 * Of a layer that does not match, although each stage is within rounding on the stages before it.
 * @param wrong the first stage beyond its budget.
 */
export const describeAccumulated = ({ stage, propagated, shadow }: StageReport, precision: Precision): string =>
  `Each stage, recomputed on the candidate's own stages before it, is within ${precision} rounding, and no cause was found. ` +
  `Along the layer the error grows beyond that: ${shortStage(stage)} is at ` +
  `${formatRatio((propagated ?? shadow)?.ratio)} times its budget.`;

export function describeDiagnosis(diagnosis: Omit<DiagnosisReport, "sentence">, precision: Precision): string {
  const { causes, unexplained, explained, rest, resembles } = diagnosis;
  const sentences: string[] = [];
  if (causes.length > 0) sentences.push(`It ${listed(phrases(causes))}.`);
  const roundingRatio = rest.ratio === null ? "" : `, ${rest.ratio.toPrecision(2)} times its budget at most`;
  if (unexplained.length > 0) {
    const part =
      causes.length > 0 && explained !== null
        ? `That explains ${percent(explained)} of the squared error of all stages. `
        : "";
    sentences.push(
      `${part}Unexplained: ${listed(unexplained)}; no hypothesis tested accounts for the difference there.`,
    );
    if (resembles.length > 0) {
      sentences.push(`What is there resembles, but is not, a kernel that ${listed(phrases(resembles))}.`);
    }
  } else if (causes.length > 0 && explained !== null) {
    sentences.push(
      `That explains ${percent(explained)} of the squared error; what is left is ${precision} rounding${roundingRatio}.`,
    );
  } else if (causes.length === 0) {
    const found = explained === null ? "It is identical to" : "It computes what the original computes:";
    sentences.push(
      explained === null
        ? `${found} the original.`
        : `${found} the difference is ${precision} rounding${roundingRatio}.`,
    );
  }
  return sentences.join(" ");
}

/**
 * Which stages are dumped at another point, certainly or possibly. Ends with a space unless it is empty.
 * @param diagnosed stages of which the diagnosis speaks.
 */
export function describeDumpPoints(
  elsewhere: ReadonlyMap<string, DumpedElsewhere>,
  diagnosed: ReadonlyMap<string, unknown>,
): string {
  return [...elsewhere]
    .filter(([stage]) => !diagnosed.has(stage))
    .map(([stage, { words, isCertain }]) => {
      const name = shortStage(stage);
      if (words === undefined) {
        return `${name} is not what the kernel went on with, nor what the layer has at any known point near: it was dumped elsewhere, or is damaged. `;
      }
      return isCertain
        ? `${name} is dumped ${words}; the kernel itself is right there. `
        : `${name} fits what the original has ${words}: it is dumped there, or the kernel deviates; these stages cannot tell. `;
    })
    .join("");
}

/** One phrase for each cause or complete family. */
function phrases(causes: readonly Cause[]): string[] {
  let remaining = [...causes];
  const result: string[] = [];
  for (const { ids, count, says } of families) {
    const members = remaining.filter(({ id }) => ids.test(id));
    if (members.length !== count) continue;
    result.push(says);
    remaining = remaining.filter((cause) => !members.includes(cause));
  }
  const biases = remaining.flatMap(({ says }) => biasNames.exec(says)?.[1] ?? []);
  if (biases.length > 1) {
    result.push(`leaves out the biases of ${listed(biases)}`);
    remaining = remaining.filter(({ says }) => !biasNames.test(says));
  }
  return [...result, ...remaining.map(withAlternatives)];
}

function withAlternatives({ says, alternatives }: Cause): string {
  return alternatives.length === 0 ? says : `${says} (or ${alternatives.join(", or ")}: these stages cannot tell)`;
}

/** Never rounds up to 100 %. */
function percent(share: number): string {
  const digits = share > 0.999_95 ? 4 : 2;
  const factor = 10 ** digits;
  return `${(Math.floor(share * 100 * factor) / factor).toFixed(digits)} %`;
}
