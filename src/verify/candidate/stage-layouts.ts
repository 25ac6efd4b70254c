/**
 * Converts a dumped tensor to the shape of its stage: [batch, sequence, width], or [batch, heads, query, key] for scores
 * and probabilities.
 *
 * Must stay true: only layouts that their shape identifies are converted; `check-dump.ts` rejects all others.
 */
import type { ModelConfig } from "../../architectures/index.ts";
import type { DataOf, FloatDType, Tensor } from "../../tensor/tensor.ts";

/** Stages that kernels may store as [batch, heads, sequence, head size]. */
const perHead: ReadonlySet<string> = new Set<string>(["query", "key", "value", "context"]);

/** Adds a missing batch axis, and merges the heads of query, key, value and context. */
export function inStageShape(
  tensor: Tensor<FloatDType>,
  stage: string,
  { heads, hiddenSize }: ModelConfig,
): Tensor<FloatDType> {
  const { shape } = tensor;
  if (stage === "attention_scores" || stage === "attention_probs") return withBatch(tensor, 4);
  const isPerHead = (axis: number) => shape[axis] === heads && shape[axis + 2] === hiddenSize / heads;
  // With one head, [1, sequence, hidden] is the same as a batch of one.
  if (perHead.has(stage) && shape.length === 3 && heads > 1 && isPerHead(0)) return mergeHeads(withBatch(tensor, 4));
  if (perHead.has(stage) && shape.length === 4 && isPerHead(1)) return mergeHeads(tensor);
  return withBatch(tensor, 3);
}

/** Adds a batch axis to a tensor that has one axis less than `rank`. */
export function withBatch<D extends FloatDType>(tensor: Tensor<D>, rank: number): Tensor<D> {
  return tensor.shape.length === rank - 1 ? { ...tensor, shape: [1, ...tensor.shape] } : tensor;
}

/** [batch, heads, sequence, head size] → [batch, sequence, hidden]. */
function mergeHeads(tensor: Tensor<FloatDType>): Tensor<FloatDType> {
  const [batch = 0, heads = 0, sequence = 0, headSize = 0] = tensor.shape;
  const shape = [batch, sequence, heads * headSize];
  const merge = <T extends DataOf[FloatDType]>(source: T, target: T): T => {
    for (let row = 0; row < batch * heads * sequence; row++) {
      const position = row % sequence;
      const head = Math.floor(row / sequence) % heads;
      const item = Math.floor(row / sequence / heads);
      const start = ((item * sequence + position) * heads + head) * headSize;
      target.set(source.subarray(row * headSize, (row + 1) * headSize), start);
    }
    return target;
  };
  const length = tensor.data.length;
  switch (tensor.dtype) {
    case "f64":
      return { dtype: "f64", shape, data: merge(tensor.data, new Float64Array(length)) };
    case "f32":
      return { dtype: "f32", shape, data: merge(tensor.data, new Float32Array(length)) };
    default:
      return { dtype: tensor.dtype, shape, data: merge(tensor.data, new Uint16Array(length)) };
  }
}
