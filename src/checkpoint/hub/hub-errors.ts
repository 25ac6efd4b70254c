/** Turns failures of the hub, the network and the cache into errors with advice. */
import { STATUS_CODES } from "node:http";
import { codeOf, DownloadError, type ErrorParts } from "../../errors.ts";
import { reasonOf } from "../describe.ts";
import { retryAfterMs, Transient } from "./retry.ts";

/** The same for all files of one model. */
export interface ModelRequest {
  readonly repo: string;
  readonly revision: string;
  readonly endpoint: string;
  readonly token: string | undefined;
}

/** The model exists, but not this revision: the only error that is thrown even if there is a cached copy. */
export class UnknownRevisionError extends DownloadError {}

/** Overload and gateway errors. */
const TRANSIENT_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The error for a response that is not a success. */
export function refusal(response: Response, request: ModelRequest): DownloadError | Transient {
  const { status } = response;
  const code = response.headers.get("x-error-code");
  if (TRANSIENT_STATUS.has(status)) return overload(response, request);
  if (code === "GatedRepo") return gated(status, request);
  if (code === "RevisionNotFound") return unknownRevision(request);
  if (code === "EntryNotFound") return new DownloadError(unexpected(response));
  // The storage behind a redirect rejects expired links; the next attempt gets a new one.
  if (new URL(response.url).origin !== new URL(request.endpoint).origin) return new Transient(unexpected(response));
  if (status === 401 || status === 404) return notFound(status, request);
  if (status === 403) return forbidden(request);
  return new DownloadError(unexpected(response));
}

/** The server could not be reached. */
export function unreachable(cause: unknown, url: string): Transient {
  return new Transient({
    found: `${unreachableHost(cause) ?? new URL(url).host} could not be reached (${why(cause)})`,
    advice: "Check the network and HF_ENDPOINT; a model in a folder needs no network.",
    cause,
  });
}

/** The server answered with success, but not as a hub. */
export function unreadableAnswer(cause: unknown, { endpoint }: ModelRequest): Transient {
  return new Transient({
    found: `${new URL(endpoint).host} gave an answer that cannot be understood (${why(cause)})`,
    expected: "a Hugging Face hub",
    advice: "Check HF_ENDPOINT, and whether the network first asks to sign in.",
    cause,
  });
}

/** HF_HUB_OFFLINE is set, but the cache lacks a file or the revision. */
export function notCached(request: ModelRequest, cacheFolder: string, path?: string): DownloadError {
  const what = path === undefined ? "" : `${path} of `;
  return new DownloadError({
    found: `${what}${request.repo} (revision ${request.revision}) is not in the cache ${cacheFolder}`,
    expected: "a cached copy, because HF_HUB_OFFLINE is set",
    advice: "Unset HF_HUB_OFFLINE once to download it, or set HF_HOME to the cache that has it.",
  });
}

/**
 * A cached file is damaged and cannot be downloaded again.
 * @param cause the failure of the download; absent: HF_HUB_OFFLINE is set.
 */
export function damagedInCache(file: string, cause?: DownloadError): DownloadError {
  return new DownloadError({
    found: `${file} in the model cache is damaged${cause === undefined ? "" : `, and could not be downloaded again: ${cause.found}`}`,
    expected: "the file as the hub has it",
    advice:
      cause === undefined
        ? "Unset HF_HUB_OFFLINE once to download it again."
        : (cause.advice ?? "Delete it, and try again when the hub can be reached."),
    cause,
  });
}

/** A file operation in the cache failed. */
export function cacheFailure(cause: unknown, cacheFolder: string): DownloadError {
  const code = codeOf(cause);
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new DownloadError({
    found: isFull
      ? `The disk of the model cache ${cacheFolder} is full`
      : `The model cache ${cacheFolder} cannot be written (${why(cause)})`,
    advice: `${isFull ? "Free some space" : "Make it writable"}, or set HF_HOME to another folder.`,
    cause,
  });
}

function overload(response: Response, { token }: ModelRequest): Transient {
  const waitMs = retryAfterMs(response.headers.get("retry-after"));
  const later = waitMs === undefined ? "Try again later" : `Try again in ${Math.ceil(waitMs / 1000)} s`;
  const login = response.status === 429 && token === undefined ? ", or set HF_TOKEN for a higher limit" : "";
  return new Transient({ found: answered(response), advice: `${later}${login}.` }, waitMs);
}

function gated(status: number, { repo, endpoint, token }: ModelRequest): DownloadError {
  const setToken = token === undefined ? "set HF_TOKEN to a token of that account" : "use a token of that account";
  return new DownloadError({
    found: `${repo} is gated: its owner decides who may download it (status ${status})`,
    advice: `Ask for access at ${endpoint}/${repo} and ${setToken}.`,
  });
}

function unknownRevision({ repo, revision, endpoint }: ModelRequest): UnknownRevisionError {
  return new UnknownRevisionError({
    found: `${repo} has no revision "${revision}"`,
    expected: "one of its branches, tags or commits",
    advice: `See ${endpoint}/${repo}/tree/main for them, or leave the revision out.`,
  });
}

function notFound(status: number, { repo, endpoint, token }: ModelRequest): DownloadError {
  const other = token === undefined ? "if it is private, set HF_TOKEN" : "check that HF_TOKEN is valid and may read it";
  return new DownloadError({
    found: `There is no model ${repo} on ${new URL(endpoint).host}, or it is private (status ${status})`,
    advice: `Check the id; ${other}.`,
  });
}

function forbidden({ repo, endpoint, token }: ModelRequest): DownloadError {
  return new DownloadError({
    found: `${new URL(endpoint).host} does not let you read ${repo} (status 403)`,
    advice:
      token === undefined ? "Set HF_TOKEN to a token with read access." : "Use a token with read access in HF_TOKEN.",
  });
}

function unexpected(response: Response): ErrorParts {
  return {
    found: answered(response),
    expected: "the model's file",
    advice: "Check HF_ENDPOINT, and open the model's page in a browser to see whether it works.",
  };
}

/** Omits the query, which is secret in a redirect's target. */
function answered({ url, status }: Response): string {
  const { host, pathname } = new URL(url);
  return `${host} answered ${pathname} with status ${`${status} ${STATUS_CODES[status] ?? ""}`.trim()}`;
}

/**
 * The reason on one line, because JSON errors quote answers with line breaks. If several addresses of a host failed,
 * Node's error has a code but no message.
 */
function why(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const hasOnlyCode = cause instanceof Error && cause.message === "" && codeOf(cause) !== "";
  return hasOnlyCode ? codeOf(cause) : reasonOf(error).replace(/\s+/g, " ");
}

/** The host in Node's error, which after a redirect differs from the requested URL. */
function unreachableHost(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "hostname" in cause && typeof cause.hostname === "string"
    ? cause.hostname
    : undefined;
}
