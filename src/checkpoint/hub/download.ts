/**
 * Brings the bytes of one file of the hub into the cache, whole and checked, or not at all.
 *
 * Must stay true: what a broken connection has brought is kept for the next try of the same call and continued there;
 * a new call starts from nothing. Several processes may download the same file at once: each writes a file of its own,
 * and the last one to finish replaces equal bytes by equal bytes.
 */
import { DownloadError } from "../../errors.ts";
import { describe, grouped, reasonOf } from "../describe.ts";
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
 * Puts the file's bytes into the cache's blobs.
 * @throws DownloadError if the hub cannot be reached, refuses or sends other bytes, or the cache cannot be written. When
 * `options.signal` aborts, its reason is thrown as it is.
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

/** One try: fetches what is missing yet. */
async function transfer(job: DownloadJob, incomplete: IncompleteFile): Promise<void> {
  const { client, cache, commit, path, file, timing, options } = job;
  if (incomplete.isWhole && file.size > 0) return;
  using watchdog = new Watchdog(timing, options.signal);
  const response = await client.requestFile(commit, path, incomplete.written, watchdog.signal);
  if (!continues(response, incomplete.written)) await cache.guarded(() => incomplete.restart());
  for await (const chunk of chunksOf(response, job, incomplete)) {
    watchdog.feed(chunk.length);
    if (incomplete.written + chunk.length > file.size) throw wrongBytes(job);
    await cache.guarded(() => incomplete.append(chunk));
    options.onProgress?.({ file: path, loaded: incomplete.written, total: file.size });
  }
  if (!incomplete.isWhole) throw interrupted(job, incomplete, undefined);
}

/** Whether the body goes on where the file ends. A server may ignore the range and send everything again. */
function continues(response: Response, written: number): boolean {
  if (response.status !== 206) return written === 0;
  return response.headers.get("content-range")?.startsWith(`bytes ${written}-`) ?? false;
}

/** The body's chunks; only reading them is a matter of the network, not what the loop does with them. */
async function* chunksOf(
  response: Response,
  job: DownloadJob,
  incomplete: IncompleteFile,
): AsyncGenerator<Uint8Array, void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw interrupted(job, incomplete, cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    // Lets go of the connection when the loop has stopped early; does nothing at the end of the body.
    await reader.cancel().catch(() => undefined);
  }
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
