/**
 * What the two kernels of matmuls without tensor cores have in common (`dot-product.ts`, `outer-product.ts`): where a
 * workgroup's tile is and an invocation's place in it, and the main loop along K.
 */
import { extentText } from "../../wgsl/storage.ts";
import { threadSwizzle } from "../thread-swizzle.ts";
import type { MatmulEpilogue } from "./epilogue.ts";
import { type Mainloop, mainloop } from "./mainloop.ts";
import type { MatmulOperands, MatmulRequest } from "./operands.ts";
import { type RegisterTile, stepOf, threadGrid } from "./register-tiles.ts";

/** A kernel that is being emitted. */
export interface RegisterTiledMatmul {
  readonly request: MatmulRequest;
  readonly operands: MatmulOperands;
  readonly tile: RegisterTile;
  /** The type of elements in registers before they go to workgroup memory. */
  readonly stagingType: "f32" | "f16";
  /** The names of workgroup variables, by those of `workgroupVariables`. */
  readonly memory: ReadonlyMap<string, string>;
}

/** What each of the kernels does in its own way. */
export interface Multiplication {
  /** Declares the function that loads a right operand whose K is not contiguous. */
  declareLoadRight(): void;
  /** Statements that compute the sums. */
  multiply(): string[];
  /** Statements that store the result. */
  store(epilogue: MatmulEpilogue): string[];
}

export function tilePlace({ tileM, tileN, ...tile }: RegisterTile): string[] {
  const [ys, xs] = threadGrid({ tileM, tileN, ...tile });
  return [
    `let first_row = group.y * ${tileM}u;`,
    `let first_column = group.x * ${tileN}u;`,
    "let batch = group.z;",
    `let part = local_index / ${ys * xs}u;`,
    ...threadSwizzle(`local_index % ${ys * xs}u`, xs, ys),
  ];
}

/** The loop over the steps along K, or along the workgroup's slice of it. */
export function alongK(
  { operands, tile }: RegisterTiledMatmul,
  loop: Pick<Mainloop, "prefetchStages" | "loadFromGlobal" | "storeToShared" | "multiply">,
): string[] {
  const step = stepOf(tile);
  const { k, kStart } = operands;
  if (typeof k === "number") {
    return mainloop({ ...loop, step, from: kStart, steps: Math.ceil(k / step / tile.splitK) });
  }
  const steps = `let steps = (${extentText(k)} + ${step - 1}u) / ${step}u;`;
  return [steps, ...mainloop({ ...loop, step, steps: "steps" })];
}
