/**
 * Programs in ONNX for every runtime, not for ONNX Runtime's CPU alone: operators of opset 18, which all of them have, in the
 * arrangement that their optimisers know from other exporters.
 *
 * What differs from the engine's own dialect: ids and mask are int64; `position_ids` is no input, for positions are 0, 1,
 * 2, … up to the length of `input_ids`; GELU is written out with Erf; the mask is a number added to the scores.
 *
 * Must stay true: no operator beyond ONNX's own; the number that masks is finite, so that a row with everything masked
 * becomes an average of all keys and not NaN.
 */
import { elementwiseOperands, matchLayerNorm, matchSoftmax, type SoftmaxMatch } from "../../program/patterns.ts";
import type { Value } from "../../program/program.ts";
import { onnxType } from "./graph.ts";
import { type Dialect, type Instruction, layerNorm, lowestFloat32, textbook } from "./instructions.ts";

/** The first in which ReduceMax takes its axes as ReduceSum does. */
export const portableDialect: Dialect = { opset: 18, choose: chooseInstruction };

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

/** As many rows of the position table as a sequence has tokens: [sequence, width], the same for every sequence. */
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
      const bias = emitter.intermediate("Where", [condition, emitter.scalar(0), emitter.scalar(lowestFloat32)]);
      return emitter.result("Softmax", [emitter.intermediate("Add", [scoresName, bias])], axis);
    },
  };
}

/** Scores that are defined as 0 at masked keys: what stands there makes no difference once the mask is added. */
function withoutMask(scores: Value, mask: Value): Value {
  const [condition, kept] = elementwiseOperands(scores, "select");
  return condition === mask && kept ? kept : scores;
}
