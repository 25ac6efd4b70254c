/**
 * The cache of tuned tiles: a file per GPU in `~/.cache/fusebert/tiles`, or under `XDG_CACHE_HOME`.
 *
 * Must stay true: an unusable file is ignored and overwritten; a file is replaced atomically.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { codeOf, type FusebertError, InputError, messageOf } from "../../../../errors.ts";
import { type ReadLimit, readFileBytes } from "../../../../files/read-bytes.ts";
import { writeFailure } from "../../../../files/write-failure.ts";
import { jsonText } from "../../../../format/json.ts";
import { type GpuIdentity, identityOf } from "../../device/identity.ts";
import {
  checkTunedTiles,
  makeTunedTiles,
  mergeTiles,
  type TunedTile,
  type TunedTiles,
} from "../../plan/tuned-tiles.ts";

/** Some thousand tiles, more than there are kernels. */
const limit: ReadLimit = { bytes: 2_000_000, reason: "more than the tiles of any GPU take" };

export function tileCachePath(gpu: GpuIdentity): string {
  const caches = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const name = createHash("sha256")
    .update(JSON.stringify(identityOf(gpu)))
    .digest("hex");
  return join(caches, "fusebert", "tiles", `${name.slice(0, 16)}.json`);
}

/** @returns the tiles tuned on a GPU, the reason why its file is unusable, or `undefined` without a file. */
export async function readTileCache(gpu: GpuIdentity): Promise<TunedTiles | string | undefined> {
  try {
    const bytes = await readFileBytes(tileCachePath(gpu), { limit, expected: "a file", ordinaryOnly: true });
    return checkTunedTiles(JSON.parse(bytes.toString()), gpu);
  } catch (error) {
    if (error instanceof InputError && codeOf(error.cause) === "ENOENT") return undefined;
    return error instanceof SyntaxError ? "is no JSON" : `cannot be read (${messageOf(error)})`;
  }
}

/** @returns the tiles tuned on a GPU, if its file is usable. */
export async function cachedTiles(gpu: GpuIdentity): Promise<TunedTiles | undefined> {
  const found = await readTileCache(gpu);
  return typeof found === "string" ? undefined : found;
}

/** Adds tiles to a GPU's file. @throws InputError if it cannot be written. */
export async function keepTiles(gpu: GpuIdentity, tiles: readonly TunedTile[]): Promise<void> {
  const path = tileCachePath(gpu);
  const known = await cachedTiles(gpu);
  const content = makeTunedTiles(gpu, mergeTiles(known?.tiles ?? [], tiles));
  const unfinished = `${path}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(unfinished, `${jsonText(content, { indent: 2 })}\n`);
    await rename(unfinished, path);
  } catch (cause) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw unwritable(path, cause);
  }
}

/** Removes a GPU's file. @returns whether it existed. @throws InputError if it cannot be removed. */
export async function forgetTiles(gpu: GpuIdentity): Promise<boolean> {
  const path = tileCachePath(gpu);
  try {
    await rm(path);
    return true;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return false;
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): FusebertError {
  return writeFailure(path, cause, {
    expected: "a cache to keep tiles in",
    advice: "Make it writable, or set XDG_CACHE_HOME to a folder that is.",
    kept: "What was found before is kept: make room, or set XDG_CACHE_HOME to a folder elsewhere.",
  });
}
