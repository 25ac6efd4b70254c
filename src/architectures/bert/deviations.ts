/**
 * Deviations of a kernel from BERT's layer: the hypotheses that a diagnosis tests.
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
  tanh,
  transpose,
} from "../../program/build.ts";
import { gelu, layerNorm } from "../../program/layers.ts";
import {
  constantOf,
  elementwiseOperands,
  matchGelu,
  matchLayerNorm,
  matchSoftmax,
  parameterName,
} from "../../program/patterns.ts";
import type { Extent, Program, Value } from "../../program/program.ts";
import { assumeUnmasked } from "../../rewrites/assume-unmasked.ts";
import { rewrite } from "../../rewrites/rewrite.ts";
import type { BertConfig } from "./config.ts";

export interface Deviation {
  /** Stable name in options and JSON: `no-bias:query`. */
  readonly id: string;
  /** Deviations of one group exclude each other. */
  readonly group?: string;
  /** Predicate of a sentence about the kernel: `leaves out the bias of the query`. */
  readonly says: string;
  /** A deliberate shortcut in a kernel, as opposed to a mistake. */
  readonly simplification: boolean;
  /** The result bears so little relation to the original that it and other deviations hide each other. */
  readonly scrambles?: boolean;
  readonly apply: (program: Program) => Program;
}

/** The six dense layers: path, id, name in reports. */
const denseLayers = [
  ["attention.self.query", "query", "the query"],
  ["attention.self.key", "key", "the key"],
  ["attention.self.value", "value", "the value"],
  ["attention.output.dense", "attention-output", "the attention output"],
  ["intermediate.dense", "intermediate", "the intermediate"],
  ["output.dense", "output", "the output"],
] as const;

const norms = [
  ["attention.output.LayerNorm", "attention", "the attention's LayerNorm"],
  ["output.LayerNorm", "output", "the output's LayerNorm"],
] as const;

/** All hypotheses about a layer, in order of application. */
export function deviationsOf(config: BertConfig, layer: number): Deviation[] {
  const prefix = `encoder.layer.${layer}`;
  return [
    ...structural(config, prefix),
    swapQueryKey(prefix),
    ...denseLayers.flatMap(([path, id, words]) => transposed(config, `${prefix}.${path}.weight`, id, words)),
    splitHeadsOtherWay(),
    { id: "no-mask", says: "ignores the attention mask", group: "mask", simplification: true, apply: assumeUnmasked },
    maskAfterSoftmax(),
    ...[
      ["hidden", 1 / Math.sqrt(config.hiddenSize), "1/√hidden"],
      ["none", 1, "1 (not at all)"],
      ["head-size", config.heads / config.hiddenSize, "1/head size"],
    ].map(([id, factor, words]) => scale(config, `scale:${id}`, factor as number, words as string, id === "hidden")),
    biasAfterActivation(`${prefix}.intermediate.dense.bias`),
    ...activations,
    ...denseLayers.map(([path, id, words]) => ({
      id: `no-bias:${id}`,
      says: `leaves out the bias of ${words}`,
      simplification: true,
      apply: dropOperand("add", `${prefix}.${path}.bias`),
    })),
    ...[1e-5, 1e-6, 1e-12, 1e-3].filter((eps) => eps !== config.layerNormEps).map((eps) => epsilon(config, eps)),
    ...norms.flatMap(([path, id, words]) => [
      {
        id: `no-norm-weight:${id}`,
        says: `leaves out the weight of ${words}`,
        simplification: true,
        apply: dropOperand("multiply", `${prefix}.${path}.weight`),
      },
      {
        id: `no-norm-bias:${id}`,
        says: `leaves out the bias of ${words}`,
        simplification: true,
        apply: dropOperand("add", `${prefix}.${path}.bias`),
      },
    ]),
  ];
}

/** Multiplies the scores by `factor` instead of 1/√(head size). */
export function scale(
  config: BertConfig,
  id: string,
  factor: number,
  words: string,
  simplification = false,
): Deviation {
  const expected = 1 / Math.sqrt(config.hiddenSize / config.heads);
  return {
    id,
    group: "scale",
    says: `multiplies the attention scores by ${words} = ${format(factor)} instead of 1/√(head size) = ${format(expected)}`,
    simplification,
    apply: (program) =>
      rewrite(program, (value) => {
        const [products, factorValue] = elementwiseOperands(value, "multiply");
        const scales = products?.operation.kind === "matmul" && constantOf(factorValue) === expected;
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

const activations: readonly Deviation[] = [
  {
    id: "gelu-tanh",
    group: "activation",
    says: "computes GELU by its tanh approximation, not by erf",
    simplification: false,
    apply: rule((value) => {
      const x = matchGelu(value);
      if (x === undefined) return undefined;
      // Hendrycks and Gimpel's approximation: x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))).
      const cubed = multiply(multiply(x, x), x);
      const inner = multiply(constant(Math.sqrt(2 / Math.PI)), add(x, multiply(constant(0.044715), cubed)));
      return multiply(multiply(x, constant(0.5)), add(constant(1), tanh(inner)));
    }),
  },
  {
    id: "relu",
    group: "activation",
    says: "uses ReLU instead of GELU",
    simplification: true,
    apply: rule((value) => {
      const x = matchGelu(value);
      return x && maximum(x, constant(0));
    }),
  },
  {
    id: "no-activation",
    group: "activation",
    says: "applies no activation in place of GELU",
    simplification: false,
    apply: rule(matchGelu),
  },
];

function biasAfterActivation(bias: string): Deviation {
  return {
    id: "bias-after-activation",
    says: "adds the intermediate bias after the activation, not before",
    simplification: false,
    apply: rule((value) => {
      const [product, added] = elementwiseOperands(matchGelu(value), "add");
      return product && added && parameterName(added) === bias ? add(gelu(product), added) : undefined;
    }),
  };
}

function epsilon(config: BertConfig, eps: number): Deviation {
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
function structural(config: BertConfig, prefix: string): Deviation[] {
  const residual = (path: string, change: (dense: Value, kept: Value, name: string) => Value) => {
    const name = `${prefix}.${path}`;
    return rule((value) => {
      const match = matchLayerNorm(value);
      const [dense, kept] = elementwiseOperands(match?.operand, "add");
      const isMatch = parameterName(match?.weight) === `${name}.weight`;
      return isMatch && dense && kept ? change(dense, kept, name) : undefined;
    });
  };
  return [
    preNorm(config, prefix),
    ...norms.flatMap(([path, id, words]): Deviation[] => [
      {
        id: `no-residual:${id}`,
        group: `residual:${id}`,
        says: `leaves out the residual before ${words}`,
        simplification: false,
        apply: residual(path, (dense, _, name) => layerNorm(dense, config.layerNormEps, name)),
      },
      {
        id: `residual-after-norm:${id}`,
        group: `residual:${id}`,
        says: `adds the residual after ${words}, not before`,
        simplification: false,
        apply: residual(path, (dense, kept, name) => add(layerNorm(dense, config.layerNormEps, name), kept)),
      },
    ]),
  ];
}

/** Pre-norm: each LayerNorm precedes its block's first matmuls instead of following its residual. */
function preNorm(config: BertConfig, prefix: string): Deviation {
  const before = new Map<string, string>([
    ...["query", "key", "value"].map((name) => [`${prefix}.attention.self.${name}.weight`, norms[0][0]] as const),
    [`${prefix}.intermediate.dense.weight`, norms[1][0]] as const,
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
      const operation = { ...value.operation, left: layerNorm(left, config.layerNormEps, `${prefix}.${name}`) };
      return { ...value, operation };
    }),
  };
}

/** Swaps the parameters of query and key if they are computed; transposes the scores if they are inputs. */
function swapQueryKey(prefix: string): Deviation {
  const [query, key] = [`${prefix}.attention.self.query.`, `${prefix}.attention.self.key.`];
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
function transposed(config: BertConfig, name: string, id: string, words: string): Deviation[] {
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
function splitHeadsOtherWay(): Deviation {
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
