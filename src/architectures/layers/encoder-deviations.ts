/**
 * Deviations of a kernel from an encoder layer (`encoder-layer.ts`): the hypotheses that a diagnosis tests.
 *
 * Each is a rewrite of the layer's program, so that the interpreter computes hypotheses, alone or combined, like the
 * original. A rewrite that does not apply returns the same program object, which shows that it is irrelevant.
 *
 * Must stay true: a deviation matches by structure and parameter names, and still matches after any others were applied
 * in the order of `deviationsOf`.
 */

import { add, constant, divide, exp, maximum, multiply, parameter, reshape, transpose } from "../../program/build.ts";
import { gelu, geluTanh, layerNorm } from "../../program/layers.ts";
import {
  constantOf,
  elementwiseOperands,
  matchGelu,
  matchGeluTanh,
  matchLayerNorm,
  parameterName,
} from "../../program/patterns.ts";
import type { Extent, Program, Value } from "../../program/program.ts";
import type { ModelConfig } from "../architecture.ts";
import { type Deviation, rule } from "../deviation.ts";
import { maskDeviations, scales, splitHeadsOtherWay } from "./attention-deviations.ts";
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
  const ownGelu = own === "erf" ? gelu : geluTanh;
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
    otherActivation("relu", "uses ReLU instead of GELU", (x) => maximum(x, constant(0)), true),
    otherActivation("leaky-relu", "uses leaky ReLU (slope 0.01) instead of GELU", (x) =>
      maximum(x, multiply(x, constant(0.01))),
    ),
    otherActivation("quick-gelu", "uses quick GELU, x · sigmoid(1.702 x), instead of GELU", (x) => swish(x, 1.702)),
    otherActivation("silu", "uses SiLU, x · sigmoid(x), instead of GELU", (x) => swish(x, 1)),
    otherActivation("gelu-twice", "applies GELU twice", (x) => ownGelu(ownGelu(x))),
    otherActivation("no-activation", "applies no activation in place of GELU", (x) => x),
  ];
}

function otherActivation(
  id: string,
  says: string,
  build: (operand: Value) => Value,
  simplification = false,
): Deviation {
  return {
    id,
    group: "activation",
    says,
    simplification,
    apply: rule((value) => {
      const x = matchActivation(value);
      return x && build(x);
    }),
  };
}

/** x · sigmoid(factor · x). */
function swish(x: Value, factor: number): Value {
  return divide(x, add(exp(multiply(x, constant(-factor))), constant(1)));
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
    everywhere: true,
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
      {
        id: `no-norm:${id}`,
        group: `residual:${id}`,
        says: `leaves out ${words}`,
        simplification: false,
        apply: residual(names[module], (dense, kept) => add(dense, kept)),
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
    everywhere: true,
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
