/**
 * A diagnosis in words a person understands.
 *
 * Must stay true: it says what was found and tested, and no more.
 */
import type { Precision } from "../layer/precision.ts";
import type { Cause, DiagnosisReport } from "../report/report.ts";

/** What six missing biases, or both LayerNorms' parameters, are called together. */
const families: readonly { readonly ids: RegExp; readonly count: number; readonly says: string }[] = [
  { ids: /^no-bias:/, count: 6, says: "leaves out every bias of its dense layers" },
  { ids: /^no-norm-(weight|bias):/, count: 4, says: "applies LayerNorm without its weight and bias" },
  { ids: /^no-norm-weight:/, count: 2, says: "applies LayerNorm without its weight" },
  { ids: /^no-norm-bias:/, count: 2, says: "applies LayerNorm without its bias" },
  { ids: /^transposed:/, count: 6, says: "reads all six weight matrices transposed" },
  { ids: /^transposed:(query|key|value)$/, count: 3, says: "reads the weights of query, key and value transposed" },
];

const biasNames = /^leaves out the bias of (the (?:query|key|value|attention output|intermediate|output))$/;

/** No stage whose inputs are there too, or nothing finite in any of them. */
export const nothingToDiagnose = "No stage can be recomputed from what is there: nothing can be said about causes.";

export function describeDiagnosis(diagnosis: Omit<DiagnosisReport, "sentence">, precision: Precision): string {
  const { causes, unexplained, explained, rest } = diagnosis;
  const sentences: string[] = [];
  if (causes.length > 0) sentences.push(`It ${joined(phrases(causes))}.`);
  const roundingRatio = rest.ratio === null ? "" : `, ${rest.ratio.toPrecision(2)} times its budget at most`;
  if (unexplained.length > 0) {
    const part =
      causes.length > 0 && explained !== null ? `That explains ${percent(explained)} of the squared error. ` : "";
    sentences.push(
      `${part}Unexplained: ${joined(unexplained)}; no hypothesis tested accounts for the difference there.`,
    );
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

/** One phrase a cause, families as one. */
function phrases(causes: readonly Cause[]): string[] {
  let left = [...causes];
  const said: string[] = [];
  for (const { ids, count, says } of families) {
    const members = left.filter(({ id }) => ids.test(id));
    if (members.length !== count) continue;
    said.push(says);
    left = left.filter((cause) => !members.includes(cause));
  }
  const biases = left.flatMap(({ says }) => biasNames.exec(says)?.[1] ?? []);
  if (biases.length > 1) {
    said.push(`leaves out the biases of ${joined(biases)}`);
    left = left.filter(({ says }) => !biasNames.test(says));
  }
  return [...said, ...left.map(withAlternatives)];
}

function withAlternatives({ says, alternatives }: Cause): string {
  return alternatives.length === 0 ? says : `${says} (or ${alternatives.join(", or ")}: these stages cannot tell)`;
}

function joined(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** Never rounds up to 100 %. */
function percent(share: number): string {
  const digits = share > 0.999_95 ? 4 : 2;
  const factor = 10 ** digits;
  return `${(Math.floor(share * 100 * factor) / factor).toFixed(digits)} %`;
}
