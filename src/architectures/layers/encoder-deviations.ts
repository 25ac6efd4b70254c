/**
 * Deviations of a kernel from an encoder layer (`encoder-layer.ts`): the hypotheses that a diagnosis tests.
 *
 * Each is a rewrite of the layer's program, so that the interpreter computes hypotheses, alone or combined, like the
 * original. A rewrite that does not apply returns the same program object, which shows that it is irrelevant.
 *
 * Must stay true: a deviation matches by structure and parameter names, and still matches after any others were applied
 * in the order of `deviationsOf`.
 */

import {
  add,
  constant,
  divide,
  exp,
  max,
  maximum,
  multiply,
  parameter,
  reshape,
  select,
  subtract,
  sum,
  transpose,
} from "../../program/build.ts";
import { gelu, geluTanh, layerNorm } from "../../program/layers.ts";
import {
  constantOf,
  elementwiseOperands,
  matchGelu,
  matchGeluTanh,
  matchLayerNorm,
  matchSoftmax,
  parameterName,
} from "../../program/patterns.ts";
import type { Extent, Program, Value } from "../../program/program.ts";
import { assumeUnmasked } from "../../rewrites/assume-unmasked.ts";
import { rewrite } from "../../rewrites/rewrite.ts";
import type { ModelConfig } from "../architecture.ts";
import type { Deviation } from "../deviation.ts";
import type { EncoderLayerNames } from "./encoder-layer.ts";

/** The six dense layers: id, name in reports. */
const denseLayers = [
  ["query", "query", "the query"],
  ["key", "key", "the key"],
  ["value", "value", "the value"],
  ["attentionOutput", "attention-output", "the attention output"],
  ["intermediate", "intermediate", "the intermediate"],
  ["output", "output", "the output"],
] as const;

const norms = [
  ["attentionNorm", "attention", "the attention's LayerNorm"],
  ["outputNorm", "output", "the output's LayerNorm"],
] as const;

export interface EncoderConventions {
  /** The layer's own GELU; the other one is a deviation. Default: erf. */
  readonly gelu?: "erf" | "tanh";
  /** Products of head size that a score sums up. Default: 1. */
  readonly scoreTerms?: number;
}

/** All hypotheses about a layer, in order of application. @param names of the layer's modules. */
export function encoderDeviations(
  config: ModelConfig,
  names: EncoderLayerNames,
  { gelu: own = "erf", scoreTerms = 1 }: EncoderConventions = {},
): Deviation[] {
  return [
    ...structural(config, names),
    swapQueryKey(names),
    ...denseLayers.flatMap(([module, id, words]) => transposed(config, `${names[module]}.weight`, id, words)),
    splitHeadsOtherWay(),
    ...maskDeviations(),
    ...scales(config, scoreTerms),
    biasAfterActivation(`${names.intermediate}.bias`),
    ...activations(own),
    ...denseLayers.map(([module, id, words]) => ({
      id: `no-bias:${id}`,
      says: `leaves out the bias of ${words}`,
      simplification: true,
      apply: dropOperand("add", `${names[module]}.bias`),
    })),
    ...epsilons(config),
    ...norms.flatMap(([module, id, words]) => withoutNormParameters(names[module], id, words)),
  ];
}

export function maskDeviations(): Deviation[] {
  return [
    { id: "no-mask", says: "ignores the attention mask", group: "mask", simplification: true, apply: assumeUnmasked },
    maskAfterSoftmax(),
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

export function epsilons(config: ModelConfig): Deviation[] {
  return [1e-5, 1e-6, 1e-12, 1e-3].filter((eps) => eps !== config.layerNormEps).map((eps) => epsilon(config, eps));
}

/** @param norm the module's name. */
export function withoutNormParameters(norm: string, id: string, words: string): Deviation[] {
  return [
    {
      id: `no-norm-weight:${id}`,
      says: `leaves out the weight of ${words}`,
      simplification: true,
      apply: dropOperand("multiply", `${norm}.weight`),
    },
    {
      id: `no-norm-bias:${id}`,
      says: `leaves out the bias of ${words}`,
      simplification: true,
      apply: dropOperand("add", `${norm}.bias`),
    },
  ];
}

/** Multiplies the scores by `factor` instead of 1/√(terms · head size). */
export function scale(config: ModelConfig, id: string, factor: number, words: string, terms = 1): Deviation {
  const expected = 1 / Math.sqrt((config.hiddenSize / config.heads) * terms);
  const expectedWords = terms === 1 ? "1/√(head size)" : `1/√(${terms} · head size)`;
  return {
    id,
    group: "scale",
    says: `multiplies the attention scores by ${words} = ${format(factor)} instead of ${expectedWords} = ${format(expected)}`,
    simplification: false,
    apply: (program) =>
      rewrite(program, (value) => {
        const [products, factorValue] = elementwiseOperands(value, "multiply");
        const scales = products?.shape.length === 4 && constantOf(factorValue) === expected;
        return products && scales ? multiply(products, constant(factor)) : value;
      }),
  };
}

const format = (value: number): string => String(Number(value.toPrecision(4)));

const rule = (transform: (value: Value) => Value | undefined) => (program: Program) =>
  rewrite(program, (value) => transform(value) ?? value);

/** Replaces `x + bias` or `x · weight` by `x`. */
function dropOperand(name: "add" | "multiply", parameterToDrop: string): (program: Program) => Program {
  return rule((value) => {
    const [operand, second] = elementwiseOperands(value, name);
    return parameterName(second) === parameterToDrop ? operand : undefined;
  });
}

const matchActivation = (value: Value): Value | undefined => matchGelu(value) ?? matchGeluTanh(value);

const otherGelu = {
  erf: {
    id: "gelu-tanh",
    says: "computes GELU by its tanh approximation, not by erf",
    match: matchGelu,
    build: geluTanh,
  },
  tanh: {
    id: "gelu-erf",
    says: "computes GELU by erf, not by its tanh approximation",
    match: matchGeluTanh,
    build: gelu,
  },
} as const;

/** @param own the layer's GELU. */
export function activations(own: "erf" | "tanh"): Deviation[] {
  const { id, says, match, build } = otherGelu[own];
  return [
    {
      id,
      group: "activation",
      says,
      simplification: false,
      apply: rule((value) => {
        const x = match(value);
        return x && build(x);
      }),
    },
    {
      id: "relu",
      group: "activation",
      says: "uses ReLU instead of GELU",
      simplification: true,
      apply: rule((value) => {
        const x = matchActivation(value);
        return x && maximum(x, constant(0));
      }),
    },
    {
      id: "no-activation",
      group: "activation",
      says: "applies no activation in place of GELU",
      simplification: false,
      apply: rule(matchActivation),
    },
  ];
}

function biasAfterActivation(bias: string): Deviation {
  return {
    id: "bias-after-activation",
    says: "adds the intermediate bias after the activation, not before",
    simplification: false,
    apply: rule((value) => {
      const [product, added] = elementwiseOperands(matchActivation(value), "add");
      if (product === undefined || added === undefined || parameterName(added) !== bias) return undefined;
      return add(matchGelu(value) === undefined ? geluTanh(product) : gelu(product), added);
    }),
  };
}

function epsilon(config: ModelConfig, eps: number): Deviation {
  return {
    id: `eps:${eps}`,
    group: "eps",
    says: `uses ${eps} as LayerNorm's epsilon instead of ${config.layerNormEps}`,
    simplification: eps === 1e-5,
    apply: rule((value) => {
      const [variance, added] = elementwiseOperands(value, "add");
      return variance && constantOf(added) === config.layerNormEps ? add(variance, constant(eps)) : undefined;
    }),
  };
}

/** Deviations that move a LayerNorm or a residual. Applied first, because they match the unmodified layer. */
function structural(config: ModelConfig, names: EncoderLayerNames): Deviation[] {
  const residual = (name: string, change: (dense: Value, kept: Value, name: string) => Value) => {
    return rule((value) => {
      const match = matchLayerNorm(value);
      const [dense, kept] = elementwiseOperands(match?.operand, "add");
      const isMatch = parameterName(match?.weight) === `${name}.weight`;
      return isMatch && dense && kept ? change(dense, kept, name) : undefined;
    });
  };
  return [
    preNorm(config, names),
    ...norms.flatMap(([module, id, words]): Deviation[] => [
      {
        id: `no-residual:${id}`,
        group: `residual:${id}`,
        says: `leaves out the residual before ${words}`,
        simplification: false,
        apply: residual(names[module], (dense, _, name) => layerNorm(dense, config.layerNormEps, name)),
      },
      {
        id: `residual-after-norm:${id}`,
        group: `residual:${id}`,
        says: `adds the residual after ${words}, not before`,
        simplification: false,
        apply: residual(names[module], (dense, kept, name) => add(layerNorm(dense, config.layerNormEps, name), kept)),
      },
    ]),
  ];
}

/** Pre-norm: each LayerNorm precedes its block's first matmuls instead of following its residual. */
function preNorm(config: ModelConfig, names: EncoderLayerNames): Deviation {
  const before = new Map<string, string>([
    ...[names.query, names.key, names.value].map((name) => [`${name}.weight`, names.attentionNorm] as const),
    [`${names.intermediate}.weight`, names.outputNorm],
  ]);
  return {
    id: "pre-norm",
    group: "norm-placement",
    says: "normalises before attention and feed-forward (pre-norm), not after their residuals",
    simplification: false,
    scrambles: true,
    apply: rule((value) => {
      const norm = matchLayerNorm(value);
      if (norm) return norm.operand;
      if (value.operation.kind !== "matmul") return undefined;
      const { left, right } = value.operation;
      const weight = right.operation.kind === "transpose" ? parameterName(right.operation.operand) : undefined;
      const name = weight === undefined ? undefined : before.get(weight);
      if (name === undefined) return undefined;
      const operation = { ...value.operation, left: layerNorm(left, config.layerNormEps, name) };
      return { ...value, operation };
    }),
  };
}

/** Swaps the parameters of query and key if they are computed; transposes the scores if they are inputs. */
function swapQueryKey(names: EncoderLayerNames): Deviation {
  const [query, key] = [`${names.query}.`, `${names.key}.`];
  const isInput = (value: Value): boolean => {
    const { operation } = value;
    if (operation.kind === "transpose" || operation.kind === "reshape") return isInput(operation.operand);
    return operation.kind === "input";
  };
  return {
    id: "swap-query-key",
    says: "exchanges query and key",
    simplification: false,
    scrambles: true,
    apply: rule((value) => {
      const { operation, shape } = value;
      if (operation.kind === "matmul" && shape.length === 4 && isInput(operation.left) && isInput(operation.right)) {
        const exchanged = transpose(value, [0, 1, 3, 2]);
        return isScores(value) ? { ...exchanged, shape } : undefined;
      }
      const name = parameterName(value);
      if (name?.startsWith(query)) return parameter(key + name.slice(query.length), shape);
      return name?.startsWith(key) ? parameter(query + name.slice(key.length), shape) : undefined;
    }),
  };
}

/** Whether a matmul is that of queries and keys, not that of probabilities and values. */
function isScores(value: Value): boolean {
  return value.shape.at(-1) === "keys";
}

/** Two ways to misread a weight's layout, which coincide for a square one. */
function transposed(config: ModelConfig, name: string, id: string, words: string): Deviation[] {
  const change = (read: (weight: Value) => Value) =>
    rule((value) => {
      const { operation } = value;
      return operation.kind === "transpose" && parameterName(operation.operand) === name
        ? read(operation.operand)
        : undefined;
    });
  const swapped = (shape: readonly Extent[]): Extent[] => [shape[1] as Extent, shape[0] as Extent];
  const readAsInOut: Deviation = {
    id: `transposed:${id}`,
    group: `layout:${id}`,
    says: `reads the weight of ${words} as [in, out], though it is [out, in] (transposed)`,
    simplification: false,
    scrambles: true,
    apply: change((weight) => reshape(weight, swapped(weight.shape))),
  };
  const givenInOut: Deviation = {
    id: `transposed-bytes:${id}`,
    group: `layout:${id}`,
    says: `reads the weight of ${words} as [out, in], though its bytes are those of the transpose`,
    simplification: false,
    scrambles: true,
    apply: change((weight) => transpose(reshape(transpose(weight, [1, 0]), weight.shape), [1, 0])),
  };
  const isFeedForward = id === "intermediate" || id === "output";
  const isSquare = !isFeedForward || config.intermediateSize === config.hiddenSize;
  return isSquare ? [readAsInOut] : [readAsInOut, givenInOut];
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

/** The softmax includes masked keys, whose probabilities are then zeroed. */
function maskAfterSoftmax(): Deviation {
  return {
    id: "mask-after-softmax",
    group: "mask",
    says: "applies the mask after the softmax, so that masked keys still take part in it",
    simplification: false,
    apply: rule((value) => {
      const [, kept, masked] = elementwiseOperands(value, "select");
      // The softmax's own exponentials are masked too, as part of what is matched below.
      if (constantOf(masked) === 0 && elementwiseOperands(kept, "exp").length === 0) return kept;
      const match = matchSoftmax(value);
      if (match?.mask === undefined) return undefined;
      const exponentials = exp(subtract(match.scores, max(match.scores)));
      return select(match.mask, divide(exponentials, sum(exponentials)), constant(0));
    }),
  };
}
