/**
 * Kernels for tensor cores, which no software GPU has: with fragments emulated lane by lane
 * (support/emulate-tensor-cores.ts), everything else about them is as it is on a GPU that has them. Their memory holds garbage
 * when they begin, as that of trusted kernels does.
 */
import { expect, test } from "vitest";
import { tensorAttentionKernel } from "../src/engines/webgpu/kernels/attention/tensor-attention.ts";
import type { TensorAttentionTile } from "../src/engines/webgpu/kernels/attention/tensor-tiles.ts";
import { isNarrow } from "../src/engines/webgpu/kernels/matmul/gemv.ts";
import { tensorMatmulKernel } from "../src/engines/webgpu/kernels/matmul/tensor-matmul.ts";
import type { TensorTile } from "../src/engines/webgpu/kernels/matmul/tensor-tiles.ts";
import { type LoweredKernel, lowerToWgsl } from "../src/engines/webgpu/plan/lower.ts";
import type { Placement } from "../src/engines/webgpu/plan/placement.ts";
import { KernelBindings } from "../src/engines/webgpu/wgsl/bindings.ts";
import type { Schedule } from "../src/schedule/schedule.ts";
import { emulateTensorCores } from "./support/emulate-tensor-cores.ts";
import { boundInShares, smallTile, tileOfInner } from "./support/in-shares.ts";
import { divisibleLayer as config, layerError } from "./support/lowered-layer.ts";
import { poisonMemory } from "./support/poison-memory.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

interface Tiles {
  readonly matmul: TensorTile;
  readonly attention: TensorAttentionTile;
}

/** The schedule's kernels as for a GPU with tensor cores, emulated. */
function lower(schedule: Schedule, placement: Placement, { matmul, attention }: Tiles): LoweredKernel[] {
  // Without tensor cores first: in as many shares, so that the LayerNorm that reads the result adds them up.
  const tiles = tileOfInner(config.intermediateSize, { ...smallTile, shares: matmul.shares });
  const plain = lowerToWgsl(schedule, placement, { workgroupMemory: 16_384, workgroupSize: 256, tiles }, 128);
  const shares = new Map(boundInShares(plain).map((bound) => [bound.value, bound.shares]));
  // Of one kernel, and of the LayerNorm that reads it.
  expect(shares.size).toBe(matmul.shares > 1 ? 1 : 0);
  return plain.map((lowered) => {
    const { interior } = lowered;
    const { template, stores } = lowered.kernel;
    const bindings = new KernelBindings(placement, shares);
    if (template.kind === "attention") {
      const source = tensorAttentionKernel({ template, stores }, bindings, attention);
      return { ...lowered, ...source, code: emulateTensorCores(source.code, source.workgroupSize) };
    }
    if (template.kind !== "matmul" || isNarrow(template.matmul)) return lowered;
    const own = { ...matmul, shares: Math.max(...stores.map((value) => bindings.sharesOf(value))) };
    const source = tensorMatmulKernel({ template, stores }, interior, bindings, own);
    return { ...lowered, ...source, code: emulateTensorCores(source.code, source.workgroupSize) };
  });
}

const ordinaryRounding = 3e-3;

test.skipIf(softwareGpuMissing !== undefined).each([
  [
    "O3",
    { rows: 32, columns: 32, depth: 16, subgroups: [1, 1, 2], ahead: 1, shares: 1 },
    { queries: 32, keys: 16, own: 32, sharing: 1 },
  ],
  [
    "O2",
    { rows: 64, columns: 32, depth: 16, subgroups: [2, 1, 2], ahead: 2, shares: 2 },
    { queries: 16, keys: 64, own: 16, sharing: 4 },
  ],
  // Those of a search (src/engines/webgpu/tune/candidates.ts).
  [
    "O4",
    { rows: 48, columns: 32, depth: 32, subgroups: [1, 1, 2], ahead: 3, shares: 1 },
    { queries: 64, keys: 32, own: 32, sharing: 2 },
  ],
] as const)(
  "%s computes what the original computes, in tiles of %o and %o",
  async (level, matmul, attention) => {
    const error = await layerError({
      config,
      level,
      precision: "f16-storage",
      lower: (schedule, placement) => lower(schedule, placement, { matmul, attention }).map(poisonMemory),
    });
    expect(error).toBeLessThan(ordinaryRounding);
  },
  120_000,
);
