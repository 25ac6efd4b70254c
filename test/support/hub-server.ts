/**
 * A Hugging Face hub on this computer, for tests: the endpoints that fusebert and Python's huggingface_hub use to
 * download models, faults that can be switched on, and a log of every request.
 *
 * It listens on two ports of 127.0.0.1: the hub itself (`url`), and the storage ("CDN") to which it redirects for large
 * files, which is another origin as in reality. Point `HF_ENDPOINT` at `url`:
 *
 *     const hub = await startHubServer({ repos: [{ name: "owner/name", revisions: { main: "path/to/a/folder" } }] });
 *     process.env["HF_ENDPOINT"] = hub.url;
 *     hub.faults.push({ path: /model\.safetensors$/, cutAfter: 1000, times: 1 });
 *     …
 *     await hub.close();
 *
 * Must stay true: headers, statuses and error codes are those of the real hub, as documented beside each answer.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** A repository's files at one commit: a folder to read them from, or the bytes by path. */
export type RepoFiles = string | Readonly<Record<string, Uint8Array>>;

export interface HubRepo {
  /** `owner/name`. */
  readonly name: string;
  /** Branches and tags. Replace a value while the server runs: that is a push. */
  readonly revisions: Record<string, RepoFiles>;
  /** Who may read: `private` looks like "not found" to others, `gated` says that it is. Everyone by default. */
  readonly access?: "public" | "private" | "gated";
  /** The token that may read a private or gated repository. */
  readonly token?: string;
}

/** What goes wrong, for requests whose path matches, on either port. The first fault that matches applies. */
export interface Fault {
  /** Matched against the path, and only the path, of the request. */
  readonly path: RegExp;
  /** How many requests it hits; all of them by default. */
  times?: number;
  /** Answers with this status instead, e.g. 500, or 429 with `headers: { "retry-after": "1" }`. */
  readonly status?: number;
  readonly headers?: OutgoingHttpHeaders;
  /** Never answers, and leaves the connection open. */
  readonly silent?: boolean;
  /** Breaks the connection after this many bytes of the body. */
  readonly cutAfter?: number;
  /** Sends this many bytes of the body and then nothing, leaving the connection open. */
  readonly stallAfter?: number;
  /** Sends a byte of the body every 20 ms. */
  readonly drip?: boolean;
  /** Sends JSON that never ends. */
  readonly endless?: boolean;
  /** Changes the last byte of the body. */
  readonly wrongBytes?: boolean;
  /** Sends the whole file although a part was asked for. */
  readonly ignoreRange?: boolean;
}

export interface LoggedRequest {
  readonly server: "hub" | "cdn";
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

export interface HubServerOptions {
  readonly repos: readonly HubRepo[];
  /** Files from this many bytes on are LFS files, served by the CDN. 10,000 by default. */
  readonly lfsFrom?: number;
}

/** Starts a hub; its `close` ends it and every open connection. */
export async function startHubServer(options: HubServerOptions): Promise<HubServer> {
  const hub = new HubServer(options);
  await hub.start();
  return hub;
}

interface Entry {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Git's name of the bytes. */
  readonly oid: string;
  /** Set for LFS files. */
  readonly sha256: string | undefined;
}

export class HubServer {
  /** The endpoint, without a slash at its end. */
  url = "";
  /** All requests so far, oldest first. May be emptied. */
  readonly requests: LoggedRequest[] = [];
  /** What goes wrong from now on. May be changed at any time. */
  readonly faults: Fault[] = [];
  #cdnUrl = "";
  readonly #hub = createServer((request, response) => this.#answer("hub", request, response));
  readonly #cdn = createServer((request, response) => this.#answer("cdn", request, response));
  readonly #repos: readonly HubRepo[];
  readonly #lfsFrom: number;
  readonly #entries = new Map<RepoFiles, readonly Entry[]>();
  /** Everything ever asked for by a revision stays available by its commit. */
  readonly #commits = new Map<string, readonly Entry[]>();

  constructor({ repos, lfsFrom = 10_000 }: HubServerOptions) {
    this.#repos = repos;
    this.#lfsFrom = lfsFrom;
  }

  async start(): Promise<void> {
    this.url = await listen(this.#hub);
    // Another name for the same computer: clients must take the storage for a stranger.
    this.#cdnUrl = (await listen(this.#cdn)).replace("127.0.0.1", "localhost");
  }

  async close(): Promise<void> {
    await Promise.all([stop(this.#hub), stop(this.#cdn)]);
  }

  /** The commit that a revision of a repository is now. */
  commitOf(name: string, revision: string): string {
    const files = this.#repos.find((candidate) => candidate.name === name)?.revisions[revision];
    if (files === undefined) throw new Error(`no revision ${revision} of ${name}`);
    const entries = this.#entries.get(files) ?? entriesOf(files, this.#lfsFrom);
    this.#entries.set(files, entries);
    const commit = sha1(`${name}\n${entries.map(({ path, oid }) => `${path} ${oid}\n`).join("")}`);
    this.#commits.set(commit, entries);
    return commit;
  }

  #answer(server: "hub" | "cdn", request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? "/").replace(/\?.*/, "");
    this.requests.push({ server, method: request.method ?? "GET", path, headers: request.headers });
    const fault = this.#takeFault(path);
    const exchange = { request, response, fault };
    if (fault?.silent) return;
    if (fault?.endless) sendEndlessly(response);
    else if (fault?.status !== undefined) response.writeHead(fault.status, fault.headers).end();
    else if (server === "cdn") this.#answerAsStorage(path, exchange);
    else this.#answerAsHub(path, exchange);
  }

  #takeFault(path: string): Fault | undefined {
    const fault = this.faults.find((candidate) => candidate.times !== 0 && candidate.path.test(path));
    if (fault?.times !== undefined) fault.times--;
    return fault;
  }

  /** Who may not know of a private model gets the same answer as for one that does not exist. */
  #answerAsHub(path: string, exchange: Exchange): void {
    const found = ROUTES.map((route) => route.exec(path)?.groups).find((groups) => groups !== undefined);
    const { repo: asked } = found ?? {};
    const repo = this.#repos.find(({ name }) => name === asked);
    const { authorization } = exchange.request.headers;
    const isOpen = (repo?.access ?? "public") === "public" || authorization === `Bearer ${repo?.token}`;
    if (repo !== undefined && isOpen) this.#answerFor(repo, found ?? {}, exchange);
    else if (repo?.access === "gated") refuse(exchange, authorization === undefined ? 401 : 403, "GatedRepo");
    else refuse(exchange, authorization === undefined ? 401 : 404, "RepoNotFound");
  }

  #answerFor(repo: HubRepo, found: Record<string, string | undefined>, exchange: Exchange): void {
    const { kind = "resolve", revision: encoded = "", file = "" } = found;
    const revision = decodeURIComponent(encoded);
    const commit = revision in repo.revisions ? this.commitOf(repo.name, revision) : revision;
    const entries = this.#commits.get(commit);
    if (entries === undefined) refuse(exchange, 404, "RevisionNotFound");
    else if (kind === "revision") sendJson(exchange, { _id: "1", id: repo.name, sha: commit });
    else if (kind === "paths-info") void answerPathsInfo(entries, exchange);
    else this.#answerResolve(commit, decodeURIComponent(file), exchange);
  }

  /** Small files are answered at once, large ones by a redirect whose headers say what lies behind it. */
  #answerResolve(commit: string, path: string, exchange: Exchange): void {
    const entry = this.#commits.get(commit)?.find((candidate) => candidate.path === path);
    const headers: OutgoingHttpHeaders = { "x-repo-commit": commit };
    if (entry?.sha256 === undefined) {
      if (entry === undefined) refuse(exchange, 404, "EntryNotFound", headers);
      else sendBytes(entry.bytes, { ...headers, etag: `"${entry.oid}"` }, exchange);
      return;
    }
    const location = `${this.#cdnUrl}/cdn/${entry.sha256}?signature=secret`;
    const linked = { "x-linked-etag": `"${entry.sha256}"`, "x-linked-size": entry.bytes.length };
    exchange.response.writeHead(302, { ...headers, ...linked, location }).end();
  }

  #answerAsStorage(path: string, exchange: Exchange): void {
    const entries = [...this.#commits.values()].flat();
    const entry = entries.find(({ sha256 }) => sha256 !== undefined && path.endsWith(sha256));
    if (entry === undefined) exchange.response.writeHead(404).end();
    else sendBytes(entry.bytes, { etag: '"storage"' }, exchange);
  }
}

type Exchange = Readonly<{ request: IncomingMessage; response: ServerResponse; fault: Fault | undefined }>;

/** Ids have one slash or none; a revision has none, because clients write `refs/pr/1` as `refs%2Fpr%2F1`. */
const ROUTES = [
  /^\/api\/models\/(?<repo>[^/]+(?:\/[^/]+)?)\/(?<kind>revision|paths-info)\/(?<revision>[^/]+)$/,
  /^\/(?<repo>[^/]+(?:\/[^/]+)?)\/resolve\/(?<revision>[^/]+)\/(?<file>.+)$/,
];

async function answerPathsInfo(entries: readonly Entry[], exchange: Exchange): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of exchange.request) chunks.push(chunk);
  const { paths } = JSON.parse(Buffer.concat(chunks).toString()) as { paths: string[] };
  const found = entries
    .filter(({ path }) => paths.includes(path))
    .map(({ path, bytes: { length: size }, oid, sha256 }) => {
      const lfs = sha256 === undefined ? {} : { lfs: { oid: sha256, size, pointerSize: 134 } };
      return { type: "file", path, oid, size, ...lfs };
    });
  sendJson(exchange, found);
}

function sendBytes(whole: Uint8Array, extra: OutgoingHttpHeaders, { request, response, fault }: Exchange): void {
  const range = fault?.ignoreRange ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const start = range === null ? 0 : Number(range[1]);
  const end = range?.[2] ? Math.min(Number(range[2]) + 1, whole.length) : whole.length;
  const body = Buffer.from(whole.subarray(start, end));
  if (fault?.wrongBytes) body.writeUInt8(255 - (body.at(-1) ?? 0), body.length - 1);
  const headers: OutgoingHttpHeaders = { ...extra, "accept-ranges": "bytes", "content-length": body.length };
  if (range !== null) headers["content-range"] = `bytes ${start}-${end - 1}/${whole.length}`;
  response.writeHead(range === null ? 200 : 206, headers);
  if (request.method === "HEAD") response.end();
  else if (fault?.cutAfter !== undefined) {
    // Not at once: a client that sees the break drops what it has received and not yet read.
    response.write(body.subarray(0, fault.cutAfter), () => setTimeout(() => response.destroy(), 300));
  } else if (fault?.drip) {
    const timer = setInterval((at = { next: 0 }) => response.write(body.subarray(at.next, ++at.next)), 20, { next: 0 });
    response.on("close", () => clearInterval(timer));
  } else if (fault?.stallAfter !== undefined) response.write(body.subarray(0, fault.stallAfter));
  else response.end(body);
}

function sendEndlessly(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" }).write("[0");
  const chunk = ",0".repeat(50_000);
  const more = (): unknown => response.write(chunk, () => response.destroyed || more());
  more();
}

function sendJson({ response }: Exchange, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(value));
}

function refuse({ response }: Exchange, status: number, code: string, headers: OutgoingHttpHeaders = {}): void {
  const all = { ...headers, "x-error-code": code, "x-error-message": code, "content-type": "application/json" };
  response.writeHead(status, all).end(JSON.stringify({ error: code }));
}

function entriesOf(files: RepoFiles, lfsFrom: number): Entry[] {
  const record = typeof files === "string" ? readFolder(files) : files;
  return Object.entries(record).map(([path, bytes]) => {
    const sha256 = bytes.length < lfsFrom ? undefined : createHash("sha256").update(bytes).digest("hex");
    return { path, bytes, oid: sha1(`blob ${bytes.length}\0`, bytes), sha256 };
  });
}

function readFolder(folder: string): Record<string, Uint8Array> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = paths.filter((path) => statSync(join(folder, path)).isFile());
  return Object.fromEntries(files.map((path) => [path.replaceAll("\\", "/"), readFileSync(join(folder, path))]));
}

function sha1(header: string, bytes: Uint8Array = new Uint8Array()): string {
  return createHash("sha1").update(header).update(bytes).digest("hex");
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
