/** Collects a response's body in one buffer, of the announced size if there is one, else growing. */
import { DownloadError } from "../errors.ts";
import { grouped, reasonOf } from "./describe.ts";
import type { OpenOptions } from "./files.ts";
import { tooLarge } from "./text-file.ts";
import type { Watchdog } from "./watchdog.ts";

interface Download {
  /** Path inside the model, for progress. */
  readonly file: string;
  /** For messages. */
  readonly url: string;
  readonly options: OpenOptions;
  /** Its signal must be the one of the request. */
  readonly watchdog: Watchdog;
}

/** Initial buffer size for a body of unknown length. */
const FIRST_BUFFER = 1 << 16;

/**
 * Downloads the whole body of a response.
 * @throws DownloadError if it is shorter than announced, the connection breaks or is too slow, or memory is exhausted;
 * CheckpointError beyond `options.maxBytes`; the reason of `options.signal` on abort.
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
  const interrupted = (cause: unknown): DownloadError => {
    options.signal?.throwIfAborted();
    const advice = "Try again; check the network if it keeps happening.";
    return new DownloadError({ found: `The download of ${url} was interrupted (${reasonOf(cause)})`, advice, cause });
  };
  for await (const chunk of chunksOf(response, interrupted)) {
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

/** Content-Length counts bytes as sent, so it is unusable for a compressed body. */
function announcedLength(response: Response): number | undefined {
  if ((response.headers.get("content-encoding") ?? "identity") !== "identity") return undefined;
  const length = response.headers.get("content-length") ?? "";
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/**
 * The chunks of a response's body.
 * @param interrupted makes the error to throw if reading fails.
 */
export async function* chunksOf(
  response: Response,
  interrupted: (cause: unknown) => Error,
): AsyncGenerator<Uint8Array, void> {
  // A reader, because not every browser can iterate a stream.
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw interrupted(cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    // Closes the connection if the caller stopped early; does nothing at the end of the body.
    await reader.cancel().catch(() => undefined);
  }
}

/** Also for a body longer than announced: scripts may not see that a cross-origin body was compressed. */
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
      found: `${url} needs ${grouped(length)} bytes, more than this runtime can allocate`,
      advice: "Use a smaller model, or one in a folder, which is read in pieces.",
      cause,
    });
  }
}
