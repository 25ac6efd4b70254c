/**
 * An ONNX dialect for every runtime: operators of opset 18, which all runtimes support, in the patterns that their
 * optimisers recognise from other exporters.
 *
 * Differences from the engine's dialect: ids and mask are int64; positions and indices of tokens are not inputs, because they
 * follow from `input_ids`; GELU is written with Erf; the mask is additive.
 *
 * Must stay true: only operators of the ONNX standard; the mask's addend is finite, so that a fully masked row gives an
 * average of all keys, not NaN.
 */
import type { InputPolicy } from "../../architectures/inputs.ts";
import { minFloat32 } from "../../program/layers.ts";
import {
  elementwiseOperands,
  matchLayerNorm,
  matchScaledNorm,
  matchSoftmax,
  type SoftmaxMatch,
} from "../../program/patterns.ts";
import type { Shape, Value } from "../../program/program.ts";
import { onnxType } from "./graph.ts";
import { type Dialect, type Emitter, type Instruction, layerNorm, textbook } from "./instructions.ts";

/** @param policy of the model whose program is lowered. */
export function portableDialect(policy: InputPolicy): Dialect {
  // The first opset in which ReduceMax takes its axes as an input, like ReduceSum.
  return { opset: 18, integers: onnxType.int64, choose: (value) => chooseInstruction(value, policy) };
}

function chooseInstruction(value: Value, policy: InputPolicy): Instruction {
  const { operation, shape } = value;
  if (operation.kind === "input" && value.type === "integer") return inputOrIndices(operation.name, shape, policy);
  const countsAll = policy.positionPadding === undefined;
  if (operation.kind === "gather" && countsAll && isPositions(operation.indices)) return firstRows(operation.table);
  const softmaxMatch = matchSoftmax(value);
  if (softmaxMatch) return softmax(softmaxMatch);
  const layerNormMatch = matchLayerNorm(value) ?? matchScaledNorm(value);
  return layerNormMatch ? layerNorm(layerNormMatch) : textbook(value);
}

const isPositions = ({ operation }: Value): boolean => operation.kind === "input" && operation.name === "position_ids";

/** `token_indices` and `position_ids` are computed as `inputs.ts` of the architectures does. */
function inputOrIndices(name: string, shape: Shape, { positionPadding }: InputPolicy): Instruction {
  const isIndex = name === "token_indices" || (name === "position_ids" && positionPadding === undefined);
  if (isIndex) return { reads: [], emit: tokenIndices };
  if (name === "position_ids" && positionPadding !== undefined) {
    return { reads: [], emit: (emitter) => positionsAfter(emitter, positionPadding) };
  }
  return { reads: [], emit: (emitter) => emitter.input({ name, type: onnxType.int64, shape }) };
}

/** A vector of one element. */
const sequenceLength = (emitter: Emitter): string =>
  emitter.intermediate("Shape", ["input_ids"], { start: { int: 1 }, end: { int: 2 } });

/** 0, 1, 2, … in every row. */
function tokenIndices(emitter: Emitter): string {
  const scalar = emitter.intermediate("Squeeze", [sequenceLength(emitter), emitter.integers([0])]);
  const row = emitter.intermediate("Range", [emitter.integer(0), scalar, emitter.integer(1)]);
  return emitter.result("Expand", [row, emitter.intermediate("Shape", ["input_ids"])]);
}

/** The number of tokens up to each that are not padding, plus the padding's id; at padding that id. */
function positionsAfter(emitter: Emitter, padding: number): string {
  const isPadding = emitter.intermediate("Equal", ["input_ids", emitter.integer(padding)]);
  const isToken = emitter.intermediate("Cast", [emitter.intermediate("Not", [isPadding])], {
    to: { int: onnxType.int64 },
  });
  const count = emitter.intermediate("CumSum", [isToken, emitter.integer(1)]);
  const own = emitter.intermediate("Mul", [count, isToken]);
  return emitter.result("Add", [own, emitter.integer(padding)]);
}

/** The first rows of the position table, [sequence, width], shared by all sequences. */
function firstRows(table: Value): Instruction {
  return {
    reads: [table],
    emit: (emitter, [rows = ""]) => {
      return emitter.result("Slice", [rows, emitter.integers([0]), sequenceLength(emitter), emitter.integers([0])]);
    },
  };
}

function softmax({ scores, mask }: SoftmaxMatch): Instruction {
  const axis = { axis: { int: -1 } };
  if (mask === undefined) return { reads: [scores], emit: (emitter, names) => emitter.result("Softmax", names, axis) };
  return {
    reads: [withoutMask(scores, mask), mask],
    emit: (emitter, [scoresName = "", maskName = ""]) => {
      const condition = emitter.intermediate("Cast", [maskName], { to: { int: onnxType.bool } });
      const bias = emitter.intermediate("Where", [condition, emitter.scalar(0), emitter.scalar(minFloat32)]);
      return emitter.result("Softmax", [emitter.intermediate("Add", [scoresName, bias])], axis);
    },
  };
}

/** Skips the `select` that makes masked scores 0, which the additive mask makes redundant. */
function withoutMask(scores: Value, mask: Value): Value {
  const [condition, kept] = elementwiseOperands(scores, "select");
  return condition === mask && kept ? kept : scores;
}
