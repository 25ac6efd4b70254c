/**
 * A model on a web server: files below a base URL, downloaded completely when opened. For browsers and Node.
 *
 * Must stay true: a download uses one buffer, of the announced size, and reads return views of it; an incomplete
 * download is an error, never a shorter file; a download that is too long, silent or too slow is aborted.
 */
import { DownloadError, InputError } from "../errors.ts";
import { BytesSource } from "./byte-sources.ts";
import { describe, reasonOf } from "./describe.ts";
import { downloadBody } from "./download-body.ts";
import type { ByteSource, ModelFiles, OpenOptions } from "./files.ts";
import { type Patience, Watchdog } from "./watchdog.ts";

/** Generous, because there are no retries here. */
const DEFAULT_PATIENCE: Patience = { quietMs: 30_000, speedWindowMs: 60_000, minBytesPerSecond: 1000 };

export class HttpFiles implements ModelFiles {
  readonly name: string;
  readonly #base: URL;
  readonly #patience: Patience;

  /**
   * @param baseUrl the folder's URL, with or without a trailing slash; in a browser it may be relative to the page. A
   * query (`?token=…`) is sent with every request and never shown.
   * @throws InputError if it is not a URL, or has a user name or password, which `fetch` rejects.
   */
  constructor(baseUrl: string, patience: Patience = DEFAULT_PATIENCE) {
    this.#patience = patience;
    this.#base = parseUrl(baseUrl);
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
    this.name = shown(this.#base).replace(/\/$/, "");
  }

  /**
   * Downloads a file.
   * @throws DownloadError if the server cannot be reached, answers with neither the file nor "not found", or stops
   * early; the reason of `options.signal` on abort.
   */
  async open(path: string, options: OpenOptions = {}): Promise<ByteSource | undefined> {
    const url = this.#urlOf(path);
    options.signal?.throwIfAborted();
    const watchdog = new Watchdog(this.#patience, options.signal);
    try {
      const response = await request(url, watchdog.signal, options.signal);
      if (isMissing(response, path)) {
        await response.body?.cancel();
        return undefined;
      }
      await checkStatus(response, url);
      const bytes = await downloadBody(response, { file: path, url: shown(url), options, watchdog });
      return new BytesSource(bytes, shown(url));
    } finally {
      watchdog.stop();
    }
  }

  #urlOf(path: string): URL {
    const url = new URL(this.#base);
    url.pathname += path.split("/").map(encodeURIComponent).join("/");
    return url;
  }
}

function parseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch (cause) {
    const advice = "Write it in full: https://example.org/models/bert.";
    throw new InputError({ found: `${describe(text)} is not a URL`, expected: "a model folder's URL", advice, cause });
  }
  if (url.username === "" && url.password === "") return url;
  throw new InputError({
    found: `The URL ${shown(url)} holds a user name or password`,
    expected: "a URL without them",
    advice: "Download the files yourself and open the folder.",
  });
}

/** A URL for messages, without user, password and query, which may be secret. */
function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

async function request(url: URL, signal: AbortSignal, caller: AbortSignal | undefined): Promise<Response> {
  try {
    return await fetch(url, { signal });
  } catch (cause) {
    caller?.throwIfAborted();
    throw new DownloadError({
      found: `${shown(url)} could not be fetched (${reasonOf(cause)})`,
      advice: "Check the address and the network; in a browser the server must also allow this page's origin (CORS).",
      cause,
    });
  }
}

/** Servers of single-page applications answer unknown paths with status 200 and an HTML page. */
function isMissing(response: Response, path: string): boolean {
  if (response.status === 404 || response.status === 410) return true;
  const type = response.headers.get("content-type") ?? "";
  return response.ok && type.startsWith("text/html") && !path.endsWith(".html");
}

async function checkStatus(response: Response, url: URL): Promise<void> {
  // Other successes, such as 206, are not the whole file.
  if (response.status === 200) return;
  await response.body?.cancel();
  throw new DownloadError({
    found: `${shown(url)} answered with status ${`${response.status} ${response.statusText}`.trim()}`,
    expected: "status 200 and the file",
    advice: adviceFor(response.status),
  });
}

function adviceFor(status: number): string {
  if (status === 401 || status === 403) return "Check that the model may be read without signing in.";
  if (status === 429 || status >= 500) return "Try again later.";
  return "Open the URL in a browser to see what the server says.";
}
