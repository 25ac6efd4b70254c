/**
 * Downloads one file of the hub into the cache, completely and verified, or not at all.
 *
 * Must stay true: a retry of the same call continues where the connection broke; a new call starts over. Processes may
 * download the same file at once: each writes its own temporary file, and the last one replaces equal bytes.
 */
import { DownloadError } from "../../errors.ts";
import { describe, grouped, reasonOf } from "../describe.ts";
import { chunksOf } from "../download-body.ts";
import type { OpenOptions } from "../files.ts";
import { Watchdog } from "../watchdog.ts";
import type { HubCache } from "./hub-cache.ts";
import type { HubClient, RemoteFile } from "./hub-client.ts";
import { IncompleteFile } from "./incomplete-file.ts";
import { type Timing, Transient, withRetries } from "./retry.ts";

export interface DownloadJob {
  readonly client: HubClient;
  readonly cache: HubCache;
  readonly commit: string;
  readonly path: string;
  readonly file: RemoteFile;
  readonly timing: Timing;
  readonly options: OpenOptions;
}

/**
 * Downloads the file's bytes as a blob of the cache.
 * @throws DownloadError if the hub cannot be reached, denies access or sends wrong bytes, or the cache cannot be
 * written; the reason of `options.signal` on abort.
 */
export async function downloadBlob(job: DownloadJob): Promise<void> {
  const { cache, file, timing, options } = job;
  await cache.prepare(file.etag);
  const incomplete = await cache.guarded(() => IncompleteFile.create(cache.blob(file.etag), file));
  try {
    await withRetries(() => transfer(job, incomplete), timing, options.signal);
    if (!incomplete.isGenuine()) throw wrongBytes(job);
    await cache.guarded(() => incomplete.moveTo(cache.blob(file.etag)));
  } finally {
    await incomplete.discard();
  }
}

/** One attempt: downloads what is still missing. */
async function transfer(job: DownloadJob, incomplete: IncompleteFile): Promise<void> {
  const { client, cache, commit, path, file, timing, options } = job;
  if (incomplete.isWhole && file.size > 0) return;
  using watchdog = new Watchdog(timing, options.signal);
  const response = await client.requestFile(commit, path, incomplete.written, watchdog.signal);
  if (!continues(response, incomplete.written)) await cache.guarded(() => incomplete.restart());
  for await (const chunk of chunksOf(response, (cause) => interrupted(job, incomplete, cause))) {
    watchdog.feed(chunk.length);
    if (incomplete.written + chunk.length > file.size) throw wrongBytes(job);
    await cache.guarded(() => incomplete.append(chunk));
    options.onProgress?.({ file: path, loaded: incomplete.written, total: file.size });
  }
  if (!incomplete.isWhole) throw interrupted(job, incomplete, undefined);
}

/** Whether the body continues the file. A server may ignore the range and send everything. */
function continues(response: Response, written: number): boolean {
  if (response.status !== 206) return written === 0;
  return response.headers.get("content-range")?.startsWith(`bytes ${written}-`) ?? false;
}

function interrupted({ path, file }: DownloadJob, { written }: IncompleteFile, cause: unknown): Transient {
  const why = cause === undefined ? "" : ` (${reasonOf(cause)})`;
  return new Transient({
    found: `The download of ${path} broke off after ${grouped(written)} of ${grouped(file.size)} bytes${why}`,
    advice: "Check the network and try again.",
    cause,
  });
}

function wrongBytes({ path, file }: DownloadJob): DownloadError {
  const kind = file.hash === "sha256" ? "SHA-256" : "git hash";
  return new DownloadError({
    found: `The downloaded ${path} has other bytes than the hub announced`,
    expected: `${grouped(file.size)} bytes with the ${kind} ${describe(file.etag)}`,
    advice: "Nothing was kept; try again, and look for a proxy or mirror that changes files if it keeps happening.",
  });
}
