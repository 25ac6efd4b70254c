/** Deviations of a kernel's attention: how heads are split, what is masked, and what scores are multiplied by. */
import {
  add,
  constant,
  divide,
  exp,
  max,
  multiply,
  reshape,
  select,
  subtract,
  sum,
  transpose,
} from "../../program/build.ts";
import { constantOf, elementwiseOperands, matchSoftmax } from "../../program/patterns.ts";
import type { Extent, Program, Value } from "../../program/program.ts";
import { assumeUnmasked } from "../../rewrites/assume-unmasked.ts";
import { rewrite } from "../../rewrites/rewrite.ts";
import type { ModelConfig } from "../architecture.ts";
import { type Deviation, rule } from "../deviation.ts";

export function maskDeviations(): Deviation[] {
  return [
    { id: "no-mask", says: "ignores the attention mask", group: "mask", simplification: true, apply: assumeUnmasked },
    maskAfterSoftmax(),
    maskAdded(),
  ];
}

/** Other factors of the scores. */
export function scales(config: ModelConfig, terms = 1): Deviation[] {
  const headSize = config.hiddenSize / config.heads;
  const factors: [id: string, factor: number, words: string][] = [
    ["hidden", 1 / Math.sqrt(config.hiddenSize), "1/√hidden"],
    ["none", 1, "1 (not at all)"],
    ["head-size", 1 / headSize, "1/head size"],
  ];
  if (terms > 1) factors.push(["one-term", 1 / Math.sqrt(headSize), "1/√(head size)"]);
  const expected = 1 / Math.sqrt(headSize * terms);
  const others = factors.filter(([, factor]) => Math.abs(factor / expected - 1) > 1e-6);
  return others.map(([id, factor, words]) => ({
    ...scale(config, `scale:${id}`, factor, words, terms),
    simplification: id === "hidden",
  }));
}

/** Multiplies the scores by `factor` instead of 1/√(terms · head size). */
export function scale(config: ModelConfig, id: string, factor: number, words: string, terms = 1): Deviation {
  const expected = 1 / Math.sqrt((config.hiddenSize / config.heads) * terms);
  const expectedWords = terms === 1 ? "1/√(head size)" : `1/√(${terms} · head size)`;
  return {
    id,
    group: "scale",
    says: `multiplies the attention scores by ${factorWords(factor, words, expected)} instead of ${expectedWords} = ${format(expected)}`,
    simplification: false,
    apply: (program) =>
      rewrite(program, (value) => {
        const [products, factorValue] = elementwiseOperands(value, "multiply");
        const scales = products?.shape.length === 4 && constantOf(factorValue) === expected;
        return products && scales ? multiply(products, constant(factor)) : value;
      }),
  };
}

const format = (value: number, digits = 4): string => String(Number(value.toPrecision(digits)));

/** An estimate has no formula, and as many digits as tell it from what is expected. */
function factorWords(factor: number, words: string, expected: number): string {
  if (words !== "about") return `${words} = ${format(factor)}`;
  let digits = 4;
  while (digits < 12 && format(factor, digits) === format(expected, digits)) digits++;
  return `about ${format(factor, digits)}`;
}

/** Head h takes columns h, h + heads, h + 2·heads, … instead of consecutive ones. */
export function splitHeadsOtherWay(): Deviation {
  const isHeadSwap = (permutation: readonly number[]) => permutation.join() === "0,2,1,3";
  return {
    id: "heads-interleaved",
    says: "splits the heads the other way: interleaved instead of consecutive columns",
    simplification: false,
    scrambles: true,
    apply: rule((value) => {
      const { operation, shape } = value;
      if (operation.kind === "transpose" && isHeadSwap(operation.permutation)) {
        const inner = operation.operand.operation;
        if (inner.kind !== "reshape") return undefined;
        const [batch, rows, heads, headSize] = operation.operand.shape as [Extent, Extent, Extent, Extent];
        return transpose(reshape(inner.operand, [batch, rows, headSize, heads]), [0, 3, 1, 2]);
      }
      const merged = operation.kind === "reshape" ? operation.operand.operation : undefined;
      if (merged?.kind !== "transpose" || !isHeadSwap(merged.permutation)) return undefined;
      return reshape(transpose(merged.operand, [0, 2, 3, 1]), shape);
    }),
  };
}

/** Scores without zeros at masked keys, and another way from them and the mask to the probabilities. */
function otherMask(probabilities: (scores: Value, mask: Value) => Value): (program: Program) => Program {
  return rule((value) => {
    const [, kept, masked] = elementwiseOperands(value, "select");
    // The softmax's own exponentials are masked too, as part of what is matched below.
    if (constantOf(masked) === 0 && elementwiseOperands(kept, "exp").length === 0) return kept;
    const match = matchSoftmax(value);
    return match?.mask && probabilities(match.scores, match.mask);
  });
}

function softmax(scores: Value): Value {
  const exponentials = exp(subtract(scores, max(scores)));
  return divide(exponentials, sum(exponentials));
}

/** Ones and zeros in place of zeros and large negative numbers. */
function maskAdded(): Deviation {
  return {
    id: "mask-added",
    group: "mask",
    says: "adds the mask's ones and zeros to the scores, so that masked keys count almost as others do",
    simplification: false,
    apply: otherMask((scores, mask) => softmax(add(scores, mask))),
  };
}

/** The softmax includes masked keys, whose probabilities are then zeroed. */
function maskAfterSoftmax(): Deviation {
  return {
    id: "mask-after-softmax",
    group: "mask",
    says: "applies the mask after the softmax, so that masked keys still take part in it",
    simplification: false,
    apply: otherMask((scores, mask) => select(mask, softmax(scores), constant(0))),
  };
}
