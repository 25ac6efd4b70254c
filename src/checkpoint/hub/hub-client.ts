/**
 * The three questions asked of the hub: which commit a revision is, what a file of it is, and the file's bytes.
 *
 * The first two go through `@huggingface/hub`, with a `fetch` that adds what the library lacks: a signal, limits of time
 * and length, typed errors and the token's rule. The bytes are fetched here: the library's blobs report every failure as a
 * bare string, do not notice a server that ignores the range asked for, and cannot be cancelled.
 *
 * Must stay true: the token goes to the endpoint's origin and nowhere else. The library gets no token at all, because
 * it would refuse those that do not start with "hf_"; after a redirect to another origin `fetch` itself drops it.
 */
import { modelInfo, type PathInfo, pathsInfo } from "@huggingface/hub";
import { DownloadError } from "../../errors.ts";
import { describe } from "../describe.ts";
import { Watchdog } from "../watchdog.ts";
import { withCappedBody } from "./capped-body.ts";
import { type Asked, refusal, unreachable, unreadableAnswer } from "./hub-errors.ts";
import { hubFileUrl } from "./hub-url.ts";
import { isCommit } from "./repo-id.ts";
import { type Timing, Transient, withRetries } from "./retry.ts";

/** A file as the hub's index knows it. */
export interface RemoteFile {
  readonly size: number;
  /** What the cache names the file's bytes by, in Python as here: a hash of them. */
  readonly etag: string;
  /** How the etag is made: of the bytes alone for large files (LFS), or as git does for the others. */
  readonly hash: "sha256" | "git";
}

type Fetch = typeof fetch;

export class HubClient {
  readonly #asked: Asked;
  readonly #timing: Timing;

  constructor(asked: Asked, timing: Timing) {
    this.#asked = asked;
    this.#timing = timing;
  }

  /** The commit that the revision is now. `attempts` is lower where a cached copy can stand in. */
  async resolveCommit(signal: AbortSignal | undefined, attempts: number): Promise<string> {
    const { repo: name, revision, endpoint: hubUrl } = this.#asked;
    const ask = (fetch: Fetch) => modelInfo({ name, revision, hubUrl, fetch, additionalFields: ["sha"] });
    const { sha } = await this.#ask(ask, { ...this.#timing, attempts }, signal);
    // It becomes the name of a folder.
    if (isCommit(sha)) return sha;
    throw this.#nonsense(`${describe(sha)} as the commit of ${revision}`);
  }

  /** A file of the commit, or `undefined` when the commit has none at this path. */
  async fileInfo(commit: string, path: string, signal: AbortSignal | undefined): Promise<RemoteFile | undefined> {
    const { repo: name, endpoint: hubUrl } = this.#asked;
    const repo = { type: "model", name } as const;
    const ask = (fetch: Fetch) => pathsInfo({ repo, revision: commit, paths: [path], hubUrl, fetch });
    const entries = await this.#ask(ask, this.#timing, signal);
    const entry = entries.find((candidate) => candidate.path === path && candidate.type === "file");
    return entry && this.#remoteFile(entry);
  }

  /** One request for the file's bytes from `start` on. The answer may still begin at 0: see its status. */
  async requestFile(commit: string, path: string, start: number, signal: AbortSignal): Promise<Response> {
    const url = hubFileUrl({ ...this.#asked, revision: commit }, path);
    // A compressed body has no ranges, and its length says nothing.
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
          throw unreadableAnswer(error, this.#asked);
        }
      },
      timing,
      signal,
    );
  }

  async #fetch(input: RequestInfo | URL, init: RequestInit | undefined, signal: AbortSignal): Promise<Response> {
    const url = input instanceof Request ? input.url : String(input);
    const headers = new Headers(init?.headers);
    const { endpoint, token } = this.#asked;
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
    throw refusal(response, this.#asked);
  }

  #remoteFile({ path, size, oid, lfs }: PathInfo): RemoteFile {
    const etag = lfs?.oid ?? oid ?? "";
    const hash = lfs === undefined ? "git" : "sha256";
    const bytes = lfs?.size ?? size;
    // It becomes the name of a file.
    const isHash = hash === "git" ? isCommit(etag) : /^[0-9a-f]{64}$/.test(etag);
    if (isHash && Number.isSafeInteger(bytes) && bytes >= 0) return { size: bytes, etag, hash };
    throw this.#nonsense(`${describe(etag)} and ${describe(bytes)} as hash and size of ${path}`);
  }

  #nonsense(what: string): DownloadError {
    return new DownloadError({
      found: `${new URL(this.#asked.endpoint).host} gave ${what}`,
      expected: "what a Hugging Face hub answers",
      advice: "Check HF_ENDPOINT.",
    });
  }
}
