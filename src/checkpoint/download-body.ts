/**
 * Collects a response's body in one buffer, told by the server how large that must be or growing it.
 */
import { DownloadError } from "../errors.ts";
import { grouped, reasonOf } from "./describe.ts";
import type { OpenOptions } from "./files.ts";
import { tooLarge } from "./text-file.ts";
import type { Watchdog } from "./watchdog.ts";

interface Download {
  /** The file's path inside the model, for progress. */
  readonly file: string;
  /** The URL as messages show it. */
  readonly url: string;
  readonly options: OpenOptions;
  /** Fed with what comes; its signal is the one that the response was asked for with. */
  readonly watchdog: Watchdog;
}

/** The first buffer for a body of unknown length. */
const FIRST_BUFFER = 1 << 16;

/**
 * The whole body of a response.
 * @throws DownloadError if it ends before the announced length, the connection breaks or is too slow, or memory does not
 * suffice; CheckpointError beyond `options.maxBytes`. When `options.signal` aborts, its reason is thrown as it is.
 */
export async function downloadBody(response: Response, download: Download): Promise<Uint8Array> {
  const { file, url, options, watchdog } = download;
  const total = announcedLength(response);
  const { maxBytes = Number.POSITIVE_INFINITY } = options;
  if (total !== undefined && total > maxBytes) {
    await response.body?.cancel();
    throw tooLarge(url, total, maxBytes);
  }
  let bytes = allocate(total ?? FIRST_BUFFER, url);
  let loaded = 0;
  for await (const chunk of chunksOf(response, download)) {
    watchdog.feed(chunk.length);
    if (loaded + chunk.length > maxBytes) throw tooLarge(url, undefined, maxBytes);
    if (loaded + chunk.length > bytes.length) bytes = grown(bytes, loaded, chunk.length, url);
    bytes.set(chunk, loaded);
    loaded += chunk.length;
    options.onProgress?.({ file, loaded, total });
  }
  if (total !== undefined && loaded < total) {
    throw new DownloadError({
      found: `${url} ended after ${grouped(loaded)} bytes`,
      expected: `the ${grouped(total)} that the server announced`,
      advice: "Try again.",
    });
  }
  return bytes.subarray(0, loaded);
}

/** Content-Length counts the bytes as sent, so it says nothing about a body that was compressed on the way. */
function announcedLength(response: Response): number | undefined {
  if ((response.headers.get("content-encoding") ?? "identity") !== "identity") return undefined;
  const length = response.headers.get("content-length") ?? "";
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

async function* chunksOf(response: Response, { url, options }: Download): AsyncGenerator<Uint8Array> {
  // A reader, because not every browser can iterate a stream.
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    options.signal?.throwIfAborted();
    const advice = "Try again; check the network if it keeps happening.";
    throw new DownloadError({ found: `The download of ${url} was interrupted (${reasonOf(cause)})`, advice, cause });
  } finally {
    // Ends the download when the caller stopped early; does nothing at the end of the body.
    await reader.cancel().catch(() => undefined);
  }
}

/** Not every body is as long as announced: a page may not see that a body from another origin was compressed. */
function grown(bytes: Uint8Array, used: number, more: number, url: string): Uint8Array<ArrayBuffer> {
  const larger = allocate(Math.max(used + more, bytes.length * 2), url);
  larger.set(bytes.subarray(0, used));
  return larger;
}

function allocate(length: number, url: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new DownloadError({
      found: `${url} needs ${grouped(length)} bytes, more than this runtime gives in one piece`,
      advice: "Use a smaller model, or one in a folder, which is read piece by piece.",
      cause,
    });
  }
}
