/**
 * Common to the matmuls without tensor cores (`dot-product.ts`, `outer-product.ts`): the places of a workgroup's and an
 * invocation's tile, and the main loop along K.
 */
import { extentText } from "../../wgsl/storage.ts";
import { threadSwizzle } from "../thread-swizzle.ts";
import type { MatmulEpilogue } from "./epilogue.ts";
import { type Mainloop, mainloop } from "./mainloop.ts";
import type { MatmulOperands, MatmulRequest } from "./operands.ts";
import { type RegisterTile, stepOf, threadGrid } from "./register-tiles.ts";

export interface RegisterTiledMatmul {
  readonly request: MatmulRequest;
  readonly operands: MatmulOperands;
  readonly tile: RegisterTile;
  /** The type of prefetched elements in registers. */
  readonly stagingType: "f32" | "f16";
  /** Names of workgroup variables in the source, by their names in `workgroupVariables`. */
  readonly memory: ReadonlyMap<string, string>;
}

export interface Multiplication {
  /** Declares the function that loads a right operand whose K is not contiguous. */
  declareLoadRight(): void;
  multiply(): string[];
  store(epilogue: MatmulEpilogue): string[];
}

export function tilePlace(tile: RegisterTile): string[] {
  const [ys, xs] = threadGrid(tile);
  return [
    `let first_row = group.y * ${tile.tileM}u;`,
    `let first_column = group.x * ${tile.tileN}u;`,
    "let batch = group.z;",
    `let part = local_index / ${ys * xs}u;`,
    ...threadSwizzle(`local_index % ${ys * xs}u`, xs, ys),
  ];
}

/** The loop over the steps along K, or the workgroup's slice of K. */
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
