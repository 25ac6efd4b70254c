/** Packs batches of rows padded to the longest into contiguous tokens (`rewrites/pack-sequences.ts`), and unpacks results. */
import type { Value } from "../../../program/program.ts";
import { sequenceIds } from "../../../rewrites/pack-sequences.ts";
import { elementCount, type Tensor } from "../../../tensor/tensor.ts";
import { rowMajorStrides } from "../../reference/strided.ts";

/** The positions of a batch's real tokens. */
export interface Packing {
  readonly batch: number;
  readonly sequence: number;
  /** Each token's index in the padded batch: row · sequence + position. */
  readonly sources: Int32Array<ArrayBuffer>;
  /** Each row's first token, then the number of all tokens. */
  readonly starts: readonly number[];
}

/** @param mask [batch, sequence], 0 at padding; absent: every position is real. */
export function planPacking(batch: number, sequence: number, mask: Tensor | undefined): Packing {
  const sources = new Int32Array(batch * sequence);
  const starts = [0];
  const isReal = mask?.data;
  let tokens = 0;
  for (let row = 0, index = 0; row < batch; row++) {
    for (const end = index + sequence; index < end; index++) {
      if (isReal === undefined || isReal[index] !== 0) sources[tokens++] = index;
    }
    starts.push(tokens);
  }
  return { batch, sequence, sources: tokens === sources.length ? sources : sources.slice(0, tokens), starts };
}

/** Pairs of tokens of one sequence, which attention computes. */
export function visiblePairs({ starts }: Packing): number {
  return starts.slice(1).reduce((sum, end, row) => sum + (end - (starts[row] as number)) ** 2, 0);
}

/** The packed program's inputs, from those of the padded one. */
export function packInputs(
  packing: Packing,
  packedInputs: ReadonlyMap<string, Value>,
  padded: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  return new Map(
    [...packedInputs].map(([name, value]) => {
      if (name === sequenceIds) return [name, idsOf(packing)];
      const tensor = padded.get(name) as Tensor;
      return [name, value.shape[0] === "tokens" ? packRows(packing, tensor) : tensor];
    }),
  );
}

function idsOf({ sources, starts }: Packing): Tensor {
  const data = new Int32Array(sources.length);
  for (let row = 0; row + 1 < starts.length; row++) data.fill(starts[row] as number, starts[row], starts[row + 1]);
  return { dtype: "i32", shape: [data.length], data };
}

/** [batch, sequence, ...] → [tokens, ...]. */
function packRows({ sources, batch, sequence }: Packing, tensor: Tensor): Tensor {
  const inner = tensor.shape.slice(2);
  const shape = [sources.length, ...inner];
  if (sources.length === batch * sequence) return { ...tensor, shape };
  const width = elementCount(inner);
  const Data = tensor.data.constructor as new (length: number) => typeof tensor.data;
  const data = new Data(sources.length * width);
  sources.forEach((source, token) => {
    data.set(tensor.data.subarray(source * width, (source + 1) * width) as never, token * width);
  });
  return { ...tensor, shape, data } as Tensor;
}

/**
 * A stage of the packed program in the padded layout, zero at padding.
 * @param padded the stage's shape in the padded program, where every axis of tokens is a sequence axis.
 */
export function unpack(
  packing: Packing,
  packed: Tensor<"f32">,
  padded: readonly number[],
  sequenceAxes: readonly boolean[],
): Tensor<"f32"> {
  const { batch, sequence, sources, starts } = packing;
  if (sources.length === batch * sequence && sequenceAxes.indexOf(true) === 1 && sequenceAxes.lastIndexOf(true) === 1) {
    return { ...packed, shape: padded };
  }
  const data = new Float32Array(elementCount(padded));
  const strides = rowMajorStrides(packed.shape);
  const targetStrides = rowMajorStrides(padded);
  const copy = (axis: number, row: number, from: number, to: number): void => {
    if (axis === padded.length) {
      data[to] = packed.data[from] as number;
      return;
    }
    const [step, targetStep] = [strides[axis - 1] as number, targetStrides[axis] as number];
    if (!sequenceAxes[axis]) {
      for (let index = 0; index < (padded[axis] as number); index++) {
        copy(axis + 1, row, from + index * step, to + index * targetStep);
      }
      return;
    }
    for (let token = starts[row] as number; token < (starts[row + 1] as number); token++) {
      const position = (sources[token] as number) - row * sequence;
      copy(axis + 1, row, from + token * step, to + position * targetStep);
    }
  };
  for (let row = 0; row < batch; row++) copy(1, row, 0, row * (targetStrides[0] as number));
  return { dtype: "f32", shape: padded, data };
}
