/**
 * The three requests to the hub: a revision's commit, a file's metadata, and a file's bytes.
 *
 * The first two use `@huggingface/hub`, with a `fetch` that adds what the library lacks: a signal, limits on time and
 * length, typed errors and the token. The bytes are requested here, because the library's blobs report failures as bare
 * strings, do not detect a server that ignores the range, and cannot be cancelled.
 *
 * Must stay true: the token is sent only to the endpoint's origin. The library gets no token, because it rejects those
 * that do not start with "hf_"; `fetch` drops it on a redirect to another origin.
 */
import { modelInfo, type PathInfo, pathsInfo } from "@huggingface/hub";
import { DownloadError } from "../../errors.ts";
import { describe } from "../describe.ts";
import { Watchdog } from "../watchdog.ts";
import { withCappedBody } from "./capped-body.ts";
import { type ModelRequest, refusal, unreachable, unreadableAnswer } from "./hub-errors.ts";
import { hubFileUrl } from "./hub-url.ts";
import { isCommit } from "./repo-id.ts";
import { type Timing, Transient, withRetries } from "./retry.ts";

/** Metadata of a file on the hub. */
export interface RemoteFile {
  readonly size: number;
  /** A hash of the bytes, which is the blob's name in the cache. */
  readonly etag: string;
  /** The hash of the etag: SHA-256 for large files (LFS), git's object hash for others. */
  readonly hash: "sha256" | "git";
}

type Fetch = typeof fetch;

export class HubClient {
  readonly #request: ModelRequest;
  readonly #timing: Timing;

  constructor(request: ModelRequest, timing: Timing) {
    this.#request = request;
    this.#timing = timing;
  }

  /** The current commit of the revision. */
  async resolveCommit(signal: AbortSignal | undefined, attempts: number): Promise<string> {
    const { repo: name, revision, endpoint: hubUrl } = this.#request;
    const ask = (fetch: Fetch) => modelInfo({ name, revision, hubUrl, fetch, additionalFields: ["sha"] });
    const { sha } = await this.#ask(ask, { ...this.#timing, attempts }, signal);
    // Checked, because it becomes a folder's name.
    if (isCommit(sha)) return sha;
    throw this.#invalidAnswer(`${describe(sha)} as the commit of ${revision}`);
  }

  /** A file's metadata, or `undefined` if the commit has no such file. */
  async fileInfo(commit: string, path: string, signal: AbortSignal | undefined): Promise<RemoteFile | undefined> {
    const { repo: name, endpoint: hubUrl } = this.#request;
    const repo = { type: "model", name } as const;
    const ask = (fetch: Fetch) => pathsInfo({ repo, revision: commit, paths: [path], hubUrl, fetch });
    const entries = await this.#ask(ask, this.#timing, signal);
    const entry = entries.find((candidate) => candidate.path === path && candidate.type === "file");
    return entry && this.#remoteFile(entry);
  }

  /** Requests the file's bytes from `start`. The response may still begin at 0: check its status. */
  async requestFile(commit: string, path: string, start: number, signal: AbortSignal): Promise<Response> {
    const url = hubFileUrl({ ...this.#request, revision: commit }, path);
    // Ranges and length are those of the uncompressed file.
    const headers = new Headers({ "accept-encoding": "identity" });
    if (start > 0) headers.set("range", `bytes=${start}-`);
    return await this.#fetch(url, { headers }, signal);
  }

  async #ask<T>(question: (fetch: Fetch) => Promise<T>, timing: Timing, signal: AbortSignal | undefined): Promise<T> {
    return await withRetries(
      async () => {
        using watchdog = new Watchdog(timing, signal);
        try {
          return await question(async (input, init) => withCappedBody(await this.#fetch(input, init, watchdog.signal)));
        } catch (error) {
          if (error instanceof Transient || error instanceof DownloadError) throw error;
          throw unreadableAnswer(error, this.#request);
        }
      },
      timing,
      signal,
    );
  }

  async #fetch(input: RequestInfo | URL, init: RequestInit | undefined, signal: AbortSignal): Promise<Response> {
    const url = input instanceof Request ? input.url : String(input);
    const headers = new Headers(init?.headers);
    const { endpoint, token } = this.#request;
    if (token !== undefined && new URL(url).origin === new URL(endpoint).origin) {
      headers.set("authorization", `Bearer ${token}`);
    }
    let response: Response;
    try {
      response = await fetch(url, { ...init, headers, signal });
    } catch (cause) {
      throw unreachable(cause, url);
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw refusal(response, this.#request);
  }

  #remoteFile({ path, size, oid, lfs }: PathInfo): RemoteFile {
    const etag = lfs?.oid ?? oid ?? "";
    const hash = lfs === undefined ? "git" : "sha256";
    const bytes = lfs?.size ?? size;
    // Checked, because it becomes a file's name.
    const isHash = hash === "git" ? isCommit(etag) : /^[0-9a-f]{64}$/.test(etag);
    if (isHash && Number.isSafeInteger(bytes) && bytes >= 0) return { size: bytes, etag, hash };
    throw this.#invalidAnswer(`${describe(etag)} and ${describe(bytes)} as hash and size of ${path}`);
  }

  #invalidAnswer(what: string): DownloadError {
    return new DownloadError({
      found: `${new URL(this.#request.endpoint).host} gave ${what}`,
      expected: "an answer of a Hugging Face hub",
      advice: "Check HF_ENDPOINT.",
    });
  }
}
