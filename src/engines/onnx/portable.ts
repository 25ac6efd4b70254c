/**
 * An ONNX dialect for every runtime: operators of opset 18, which all runtimes support, in the patterns that their
 * optimisers recognise from other exporters.
 *
 * Differences from the engine's dialect: ids and mask are int64; `position_ids` is not an input, because positions are
 * 0, 1, 2, … up to the length of `input_ids`; GELU is written with Erf; the mask is additive.
 *
 * Must stay true: only operators of the ONNX standard; the mask's addend is finite, so that a fully masked row gives an
 * average of all keys, not NaN.
 */
import { minFloat32 } from "../../program/layers.ts";
import { elementwiseOperands, matchLayerNorm, matchSoftmax, type SoftmaxMatch } from "../../program/patterns.ts";
import type { Value } from "../../program/program.ts";
import { onnxType } from "./graph.ts";
import { type Dialect, type Instruction, layerNorm, textbook } from "./instructions.ts";

/** The first opset in which ReduceMax takes its axes as an input, like ReduceSum. */
export const portableDialect: Dialect = { opset: 18, integers: onnxType.int64, choose: chooseInstruction };

function chooseInstruction(value: Value): Instruction {
  const { operation, shape } = value;
  if (operation.kind === "input" && value.type === "integer") {
    const info = { name: operation.name, type: onnxType.int64, shape };
    return { reads: [], emit: (emitter) => emitter.input(info) };
  }
  if (operation.kind === "gather" && isPositions(operation.indices)) return firstRows(operation.table);
  const softmaxMatch = matchSoftmax(value);
  if (softmaxMatch) return softmax(softmaxMatch);
  const layerNormMatch = matchLayerNorm(value);
  return layerNormMatch ? layerNorm(layerNormMatch) : textbook(value);
}

const isPositions = ({ operation }: Value): boolean => operation.kind === "input" && operation.name === "position_ids";

/** The first rows of the position table, [sequence, width], shared by all sequences. */
function firstRows(table: Value): Instruction {
  return {
    reads: [table],
    emit: (emitter, [rows = ""]) => {
      const length = emitter.intermediate("Shape", ["input_ids"], { start: { int: 1 }, end: { int: 2 } });
      return emitter.result("Slice", [rows, emitter.integers([0]), length, emitter.integers([0])]);
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
