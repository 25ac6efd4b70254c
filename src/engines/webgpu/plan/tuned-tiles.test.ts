/**
 * Tiles from anywhere: used where they are for this GPU and valid, and otherwise as if there were none.
 */
import { describe, expect, test } from "vitest";
import { bertForQuestionAnswering } from "../../../architectures/bert/program.ts";
import { selectOutputs } from "../../../program/program.ts";
import { packSequences } from "../../../rewrites/pack-sequences.ts";
import { scheduleAt } from "../../../schedule/levels.ts";
import { loadFamilies } from "../kernels/families.ts";
import { lowerForAllSizes, lowerToWgsl } from "./lower.ts";
import { Placement } from "./placement.ts";
import {
  checkTunedTiles,
  kernelGeneration,
  makeTunedTiles,
  mergeTiles,
  type TunedTile,
  tileSourceOf,
} from "./tuned-tiles.ts";

await loadFamilies({ tensorCores: true });

const gpu = { vendor: "made up", architecture: "none", device: "a GPU", description: "driver 1" };

const plain: TunedTile = {
  family: "matmul",
  precision: "f32",
  shape: [64, 192],
  maxRows: null,
  tile: {
    tileM: 32,
    tileN: 64,
    tileK: 8,
    workgroupSplitK: 2,
    threadTile: [4, 8],
    prefetchStages: 1,
    layout: "k-contiguous",
    splitK: 1,
  },
};
const tensor: TunedTile = {
  family: "tensor-matmul",
  precision: "f16",
  shape: [64, 192],
  maxRows: 192,
  tile: { tileM: 32, tileN: 32, tileK: 32, subgroupGrid: [1, 1, 2], prefetchStages: 1, splitK: 1 },
};
const attention: TunedTile = {
  family: "tensor-attention",
  precision: "f16",
  shape: [32, 32],
  maxRows: 768,
  tile: { queries: 64, keys: 32, subgroupQueries: 16, subgroupsPerQueryTile: 1 },
};

describe("reading", () => {
  const tuned = makeTunedTiles(gpu, [plain, tensor, attention]);

  test("gives the written tiles", () => {
    expect(checkTunedTiles(JSON.parse(JSON.stringify(tuned)), gpu)).toEqual(tuned);
  });

  test.each([
    ["nothing", undefined, /damaged/],
    ["a string", "tiles", /damaged/],
    ["another format", { ...tuned, format: "fusebert.tiles/3" }, /damaged/],
    ["of an earlier version", { ...tuned, format: "fusebert.tiles/1" }, /earlier version of fusebert: tune again/],
    ["a tile of another kind", { ...tuned, tiles: [{ ...plain, tile: tensor.tile }] }, /damaged/],
    ["half a tile", { ...tuned, tiles: [{ ...plain, tile: { tileM: 32, tileN: 32 } }] }, /damaged/],
    ["a tile of no size", { ...tuned, tiles: [{ ...plain, tile: { ...plain.tile, tileK: 0 } }] }, /damaged/],
    ["older kernels", { ...tuned, kernels: kernelGeneration + 1 }, /other kernels/],
    ["another driver", { ...tuned, gpu: { ...gpu, description: "driver 2" } }, /another GPU/],
  ])("is no tiles if it is %s", (_, value, why) => {
    expect(checkTunedTiles(value, gpu)).toMatch(why);
  });

  test("newer tiles replace only older ones for the same kernels", () => {
    const newer: TunedTile = {
      ...plain,
      tile: {
        tileM: 32,
        tileN: 32,
        tileK: 16,
        workgroupSplitK: 1,
        threadTile: [4, 4],
        prefetchStages: 1,
        layout: "k-contiguous",
        splitK: 1,
      },
    };
    expect(mergeTiles([plain, tensor], [newer, attention])).toEqual([newer, tensor, attention]);
  });
});

const config = {
  vocabSize: 100,
  hiddenSize: 64,
  layers: 1,
  heads: 2,
  intermediateSize: 128,
  maxPositions: 64,
  family: "bert" as const,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
};
const program = selectOutputs(bertForQuestionAnswering(config), ["start_logits", "end_logits"]);
const schedule = scheduleAt(packSequences(program) ?? program, "O4");
const limits = { workgroupMemory: 16_384, workgroupSize: 256 };
const tensorLimits = { workgroupMemory: 49_152, workgroupSize: 1024, tensorCores: true };
/** Query, key and value; attention. */
const [qkv, context] = [1, 2];

describe("lowering", () => {
  const codes = (tuned: readonly TunedTile[], precision: "f32" | "f16-storage" = "f32"): string[] => {
    const tiles = tileSourceOf(makeTunedTiles(gpu, tuned), precision);
    return lowerToWgsl(schedule, new Placement(schedule, precision), { ...limits, tiles }).map(({ code }) => code);
  };

  test("uses a tile for its kernel and precision, and changes no other kernel", () => {
    const [usual, tuned] = [codes([]), codes([plain])];
    expect(tuned.map((code, index) => code !== usual[index])).toEqual(usual.map((_, index) => index === qkv));
    expect(tuned[qkv]).toContain("@workgroup_size(128)");
    expect(codes([plain], "f16-storage")).toEqual(codes([], "f16-storage"));
    expect(codes([{ ...plain, maxRows: 1024 }])).toEqual(usual);
  });

  test.each([
    {
      tileM: 33,
      tileN: 64,
      tileK: 8,
      workgroupSplitK: 2,
      threadTile: [4, 8],
      prefetchStages: 1,
      layout: "k-contiguous",
      splitK: 1,
    },
    {
      tileM: 32,
      tileN: 48,
      tileK: 8,
      workgroupSplitK: 2,
      threadTile: [4, 8],
      prefetchStages: 1,
      layout: "k-contiguous",
      splitK: 1,
    },
    {
      tileM: 32,
      tileN: 64,
      tileK: 7,
      workgroupSplitK: 2,
      threadTile: [4, 8],
      prefetchStages: 1,
      layout: "k-contiguous",
      splitK: 1,
    },
    {
      tileM: 32,
      tileN: 64,
      tileK: 8,
      workgroupSplitK: 3,
      threadTile: [4, 8],
      prefetchStages: 1,
      layout: "k-contiguous",
      splitK: 1,
    },
    {
      tileM: 256,
      tileN: 256,
      tileK: 8,
      workgroupSplitK: 2,
      threadTile: [4, 8],
      prefetchStages: 1,
      layout: "k-contiguous",
      splitK: 1,
    },
    {
      tileM: 1e9,
      tileN: 1e9,
      tileK: 1e9,
      workgroupSplitK: 1,
      threadTile: [1, 1],
      prefetchStages: 1,
      layout: "k-contiguous",
      splitK: 1,
    },
  ] as const)("leaves out a tile of which no kernel can be made: %o", (tile) => {
    expect(codes([{ ...plain, tile }])).toEqual(codes([]));
  });

  test("with tensor cores each size class has its tiles", () => {
    const placement = new Placement(schedule, "f16");
    const tiles = tileSourceOf(makeTunedTiles(gpu, [tensor, attention]), "f16");
    const [usual, tuned] = [tensorLimits, { ...tensorLimits, tiles }].map((each) =>
      lowerForAllSizes(schedule, placement, each).map(({ kernels }) => kernels.map(({ code }) => code)),
    ) as [string[][], string[][]];
    const changed = tuned.map((codesOf, size) =>
      codesOf.flatMap((code, index) => (code === usual[size]?.[index] ? [] : [index])),
    );
    expect(changed).toEqual([[qkv], [context], [], []]);
  });
});
