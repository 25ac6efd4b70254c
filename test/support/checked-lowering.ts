/**
 * The lowering with its kernels' bounds checked, to stand in for the real one in tests that begin with
 *
 *     vi.mock("../src/engines/webgpu/plan/lower.ts", async (importOriginal) => {
 *       const { checkedLowering } = await import("./support/checked-lowering.ts");
 *       return checkedLowering(await importOriginal<Parameters<typeof checkedLowering>[0]>());
 *     });
 *
 * so that everything else about an engine is its own.
 */

import type { KernelLimits } from "../../src/engines/webgpu/device/kernel-limits.ts";
import { loadFamilies } from "../../src/engines/webgpu/kernels/families.ts";
import type { PersistentLimits, TileSource } from "../../src/engines/webgpu/plan/kernel-plan.ts";
import type * as lowering from "../../src/engines/webgpu/plan/lower.ts";
import type { BoundsRecord } from "./bounds-record.ts";
import { required } from "./golden.ts";
import { maxSplitKOf } from "./split-k.ts";
import { standInForHalves } from "./stand-in-halves.ts";

await loadFamilies({ tensorCores: true });

/** A GPU that kernels are made for, and the size of runs that they are made for. */
export interface OtherGpu {
  readonly tensorCores: boolean;
  /** Tokens of all sequences together, at most; that runs have more or fewer changes nothing. */
  readonly maxRows: number;
  /** Instead of the usual ones. */
  readonly tiles?: TileSource;
  /** Subprograms as one kernel each. */
  readonly persistent?: PersistentLimits;
}

/** How the next program is lowered. */
export interface CheckedLowering {
  record?: BoundsRecord;
  /** Begins its kernels' names. */
  name: string;
  /** As for another GPU than the software GPU. */
  other?: OtherGpu | undefined;
  /** Puts a defect into a kernel. */
  change?: ((code: string) => string) | undefined;
  /** Told of the last one: as how many tensors a kernel left what it stores, at most. */
  maxSplitK?: number;
}

export const next: CheckedLowering = { name: "" };

export function checkedLowering(original: typeof lowering): typeof lowering {
  const lowerForAllSizes: typeof lowering.lowerForAllSizes = (schedule, placement, limits, maxTokens) => {
    const { record, name, other, change = (code) => code } = next;
    const kernels =
      other === undefined
        ? original.lowerForAllSizes(schedule, placement, limits, maxTokens)[0].kernels
        : original.lowerToWgsl(
            schedule,
            placement,
            { ...limitsOf(other, limits), persistent: other.persistent, tiles: other.tiles },
            other.maxRows,
          );
    next.maxSplitK = maxSplitKOf(kernels);
    const checked = kernels.map((lowered, index) => {
      const changed = { ...lowered, code: change(lowered.code) };
      const label = `${name}: ${index} ${original.kindOf(lowered)}`;
      return standInForHalves(required(record).check(changed, placement, label));
    });
    return [{ maxRows: Number.POSITIVE_INFINITY, kernels: checked }];
  };
  return { ...original, lowerForAllSizes };
}

/** Without tensor cores, as large as kernels of the software GPU may be: their numbers are right there. */
function limitsOf({ tensorCores }: OtherGpu, software: KernelLimits): KernelLimits {
  if (tensorCores) return { workgroupMemory: 48 * 1024, workgroupSize: 512, tensorCores, isSoftware: false };
  return { ...software, isSoftware: false };
}
