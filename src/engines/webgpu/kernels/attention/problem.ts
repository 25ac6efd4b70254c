/** What the tile of an attention depends on. */
import type { Attention } from "../../../../schedule/schedule.ts";
import type { Problem } from "../family.ts";
import { operandsOfMatmul } from "../matmul/problem.ts";

export interface HeadSizes {
  /** Elements of a query or key. */
  readonly headSize: number;
  readonly valueSize: number;
}

export interface AttentionProblem extends Problem, HeadSizes {
  readonly heads: number;
}

export function attentionProblem({ products, context }: Attention): AttentionProblem {
  const headSize = Number(operandsOfMatmul(products).left.shape.at(-1));
  const valueSize = Number(context.shape.at(-1));
  const leading = products.shape.slice(0, -2).filter((extent) => typeof extent === "number");
  const heads = leading.reduce((product, extent) => product * extent, 1);
  return { shape: [headSize, valueSize], headSize, valueSize, heads };
}
