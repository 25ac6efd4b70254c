/**
 * Whether a file of the cache is whole, as far as the cache itself can tell.
 *
 * The cache stores no sizes, and asking the hub for each file would cost a request each. But a blob is named by a hash of
 * its bytes, and hashing a small file takes milliseconds; a safetensors file, which may be too large for that, says its own
 * length in its header; and JSON that was cut short does not parse. What remains unknown is a small file of another kind
 * that is no link to a blob, as on file systems without links.
 *
 * Must stay true: "damaged" is a suspicion. It is said only of bytes that differ from their name or cannot be read, and the
 * hub decides: a repository's own file may be as bad.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { CheckpointError } from "../../errors.ts";
import { decodeUtf8, parseJsonObject } from "../json.ts";
import { FolderFiles } from "../node/folder-files.ts";
import { readHeader } from "../safetensors-header.ts";
import type { RemoteFile } from "./hub-client.ts";
import { newHash } from "./incomplete-file.ts";

export type Condition = "absent" | "whole" | "damaged" | "unreadable" | "unknown";

/** Files up to this many bytes are hashed whenever they are opened: some 20 ms for the largest. */
const SMALL = 2 ** 24;

/** @param path a file of a snapshot. */
export async function inspectFile(path: string): Promise<Condition> {
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) return "absent";
  try {
    const etag = basename(await realpath(path));
    const isNamedByHash = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(etag);
    if (isNamedByHash && info.size <= SMALL) return matches(await readFile(path), etag) ? "whole" : "damaged";
    if (path.endsWith(".safetensors")) return await hasWholeTensors(path);
    if (path.endsWith(".json") && info.size <= SMALL) {
      parseJsonObject(decodeUtf8(await readFile(path), path), path);
      return "whole";
    }
    return info.size <= SMALL ? "unknown" : "whole";
  } catch (error) {
    if (error instanceof CheckpointError) return "damaged";
    return "unreadable";
  }
}

/** Whether a file has the size and the hash that the hub gives. */
export async function isGenuine(path: string, file: RemoteFile): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  if (info?.size !== file.size) return false;
  const hash = newHash(file);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex") === file.etag;
}

/** Some mirrors name a file by the plain SHA-1 of its bytes, where the hub itself takes git's. */
function matches(bytes: Uint8Array, etag: string): boolean {
  const digest = (algorithm: string, head = "") => createHash(algorithm).update(head).update(bytes).digest("hex");
  if (etag.length === 64) return digest("sha256") === etag;
  return digest("sha1", `blob ${bytes.length}\0`) === etag || digest("sha1") === etag;
}

async function hasWholeTensors(path: string): Promise<Condition> {
  const source = await new FolderFiles(dirname(path)).open(basename(path));
  if (source === undefined) return "absent";
  try {
    await readHeader(source, path);
    return "whole";
  } finally {
    await source.close();
  }
}
