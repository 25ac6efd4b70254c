/**
 * Checks a cached file for damage, without the hub.
 *
 * The cache stores no sizes, and the hub would need a request per file. But a blob's name is a hash of its bytes, and
 * hashing a small file takes milliseconds; files of weights, which may be too large for that, say where their tensors
 * are; and JSON that was cut does not parse. Unknown remains a small file of another kind that is not a link to a
 * blob, as on file systems without links.
 *
 * Must stay true: "damaged" is a suspicion about bytes that do not match their name or cannot be parsed; the hub
 * decides, because the repository's file may be the same.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { CheckpointError } from "../../errors.ts";
import type { ByteSource } from "../files.ts";
import { decodeUtf8, parseJsonObject } from "../json.ts";
import { FolderFiles } from "../node/folder-files.ts";
import { openSafetensors } from "../safetensors.ts";
import type { TensorFile } from "../tensor-file.ts";
import { openTorch } from "../torch/torch-file.ts";
import type { RemoteFile } from "./hub-client.ts";
import { newHash } from "./incomplete-file.ts";

export type Condition = "absent" | "whole" | "damaged" | "unreadable" | "unknown";

/** Files up to this size, in bytes, are hashed on every open: some 20 ms for the largest. */
const MAX_HASHED = 2 ** 24;

type OpenTensors = (source: ByteSource, name: string) => Promise<TensorFile>;

const WEIGHT_FILES: ReadonlyMap<string, OpenTensors> = new Map<string, OpenTensors>([
  [".safetensors", openSafetensors],
  [".bin", openTorch],
]);

/** @param path a file of a snapshot. */
export async function inspectFile(path: string): Promise<Condition> {
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) return "absent";
  try {
    const etag = basename(await realpath(path));
    const isNamedByHash = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(etag);
    if (isNamedByHash && info.size <= MAX_HASHED) return matches(await readFile(path), etag) ? "whole" : "damaged";
    const open = [...WEIGHT_FILES].find(([extension]) => path.endsWith(extension))?.[1];
    if (open !== undefined) return await hasWholeTensors(path, open);
    if (path.endsWith(".json") && info.size <= MAX_HASHED) {
      parseJsonObject(decodeUtf8(await readFile(path), path), path);
      return "whole";
    }
    return info.size <= MAX_HASHED ? "unknown" : "whole";
  } catch (error) {
    if (error instanceof CheckpointError) return "damaged";
    return "unreadable";
  }
}

/** Whether a file has the hub's size and hash. */
export async function isGenuine(path: string, file: RemoteFile): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  if (info?.size !== file.size) return false;
  const hash = newHash(file);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex") === file.etag;
}

/** Some mirrors use the plain SHA-1 of the bytes instead of git's hash. */
function matches(bytes: Uint8Array, etag: string): boolean {
  const digest = (algorithm: string, head = "") => createHash(algorithm).update(head).update(bytes).digest("hex");
  if (etag.length === 64) return digest("sha256") === etag;
  return digest("sha1", `blob ${bytes.length}\0`) === etag || digest("sha1") === etag;
}

async function hasWholeTensors(path: string, open: OpenTensors): Promise<Condition> {
  const source = await new FolderFiles(dirname(path)).open(basename(path));
  if (source === undefined) return "absent";
  await (await open(source, path)).close();
  return "whole";
}
