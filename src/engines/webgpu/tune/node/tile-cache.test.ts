/** The tile cache returns what was stored, and ignores damaged files. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { InputError } from "../../../../errors.ts";
import type { TunedTile } from "../../plan/tuned-tiles.ts";
import { cachedTiles, forgetTiles, keepTiles, readTileCache, tileCachePath } from "./tile-cache.ts";

const gpu = { vendor: "made up", architecture: "none", device: "a GPU", description: "driver 1" };
const one: TunedTile = {
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
const other: TunedTile = { ...one, shape: [64, 64] };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-tiles-"));
  vi.stubEnv("XDG_CACHE_HOME", folder);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

test("stored tiles are read back, with those stored before, on the same GPU only", async () => {
  expect(await readTileCache(gpu)).toBeUndefined();
  await keepTiles(gpu, [one]);
  await keepTiles(gpu, [other]);
  expect((await cachedTiles(gpu))?.tiles).toEqual([one, other]);
  expect(await cachedTiles({ ...gpu, description: "driver 2" })).toBeUndefined();
  expect(await readdir(dirname(tileCachePath(gpu)))).toHaveLength(1);
});

test.each([
  ["cut short", (text: string) => text.slice(0, 40), /is no JSON/],
  ["of other kernels", (text: string) => text.replace(/"kernels": \d+/, '"kernels": 999'), /other kernels/],
  ["of another GPU under this one's name", (text: string) => text.replace("driver 1", "driver 0"), /another GPU/],
  ["of another form", () => "[]", /damaged/],
  ["larger than any", () => "[".repeat(3_000_000), /has 3000000 bytes; expected at most 2000000/],
])("a file that is %s is ignored and overwritten", async (_, change, why) => {
  await keepTiles(gpu, [one]);
  const path = tileCachePath(gpu);
  await writeFile(path, change(await readFile(path, "utf8")));
  expect(await readTileCache(gpu)).toMatch(why);
  expect(await cachedTiles(gpu)).toBeUndefined();
  await keepTiles(gpu, [other]);
  expect((await cachedTiles(gpu))?.tiles).toEqual([other]);
});

test("forgotten tiles are gone", async () => {
  expect(await forgetTiles(gpu)).toBe(false);
  await keepTiles(gpu, [one]);
  expect(await forgetTiles(gpu)).toBe(true);
  expect(await readTileCache(gpu)).toBeUndefined();
});

test("a cache that cannot be written is an error", async () => {
  await writeFile(join(folder, "file"), "");
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "file"));
  await expect(keepTiles(gpu, [one])).rejects.toThrow(InputError);
  expect(await cachedTiles(gpu)).toBeUndefined();
});

test("without XDG_CACHE_HOME the cache is in the home folder", () => {
  vi.stubEnv("XDG_CACHE_HOME", "");
  expect(tileCachePath(gpu)).toMatch(/\.cache[/\\]fusebert[/\\]tiles[/\\][0-9a-f]{16}\.json$/);
});
