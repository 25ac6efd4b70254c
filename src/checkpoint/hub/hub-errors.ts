/**
 * What the hub's refusals, the network's failures and the cache's mean to the person who asked for a model.
 */
import { STATUS_CODES } from "node:http";
import { codeOf, DownloadError, type ErrorParts } from "../../errors.ts";
import { reasonOf } from "../describe.ts";
import { retryAfterMs, Transient } from "./retry.ts";

/** Who asked for what: the same for all files of one model. */
export interface Asked {
  readonly repo: string;
  readonly revision: string;
  readonly endpoint: string;
  readonly token: string | undefined;
}

/** The hub knows the model but not this revision of it: the one refusal that a cached copy must not paper over. */
export class UnknownRevisionError extends DownloadError {}

/** Statuses of overload and of gateways whose back end is away. */
const TRANSIENT_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);

/** What to throw for an answer that is not a success. */
export function refusal(response: Response, asked: Asked): DownloadError | Transient {
  const { status } = response;
  const code = response.headers.get("x-error-code");
  if (TRANSIENT_STATUS.has(status)) return overload(response, asked);
  if (code === "GatedRepo") return gated(status, asked);
  if (code === "RevisionNotFound") return unknownRevision(asked);
  if (code === "EntryNotFound") return new DownloadError(unexpected(response));
  // The storage behind a redirect refuses links that have grown old; the next try gets a fresh one.
  if (new URL(response.url).origin !== new URL(asked.endpoint).origin) return new Transient(unexpected(response));
  if (status === 401 || status === 404) return notFound(status, asked);
  if (status === 403) return forbidden(asked);
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

/** The server answered with success, but not what the hub would. */
export function unreadableAnswer(cause: unknown, { endpoint }: Asked): Transient {
  return new Transient({
    found: `${new URL(endpoint).host} gave an answer that cannot be understood (${why(cause)})`,
    expected: "a Hugging Face hub",
    advice: "Check HF_ENDPOINT, and whether the network first asks to sign in.",
    cause,
  });
}

/** HF_HUB_OFFLINE is set and the cache does not have what is needed: a file, or all that the revision stands for. */
export function notCached(asked: Asked, cacheFolder: string, path?: string): DownloadError {
  const what = path === undefined ? "" : `${path} of `;
  return new DownloadError({
    found: `${what}${asked.repo} (revision ${asked.revision}) is not in the cache ${cacheFolder}`,
    expected: "it there, because HF_HUB_OFFLINE is set",
    advice: "Unset HF_HUB_OFFLINE once to download it, or set HF_HOME to the cache that has it.",
  });
}

/**
 * A file of the cache is not what it was when it was downloaded, and cannot be had anew.
 * @param cause why; without one, HF_HUB_OFFLINE is set.
 */
export function damagedInCache(file: string, cause?: DownloadError): DownloadError {
  return new DownloadError({
    found: `${file} in the model cache is damaged${cause === undefined ? "" : `, and could not be fetched anew: ${cause.found}`}`,
    expected: "the file as the hub has it",
    advice:
      cause === undefined
        ? "Unset HF_HUB_OFFLINE once: it is then downloaded again by itself."
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
    advice: `${isFull ? "Make room" : "Make it writable"}, or set HF_HOME to a folder elsewhere.`,
    cause,
  });
}

function overload(response: Response, { token }: Asked): Transient {
  const waitMs = retryAfterMs(response.headers.get("retry-after"));
  const later = waitMs === undefined ? "Try again later" : `Try again in ${Math.ceil(waitMs / 1000)} s`;
  const login = response.status === 429 && token === undefined ? ", or set HF_TOKEN to be allowed more" : "";
  return new Transient({ found: answered(response), advice: `${later}${login}.` }, waitMs);
}

function gated(status: number, { repo, endpoint, token }: Asked): DownloadError {
  const setToken = token === undefined ? "set HF_TOKEN to a token of that account" : "use a token of that account";
  return new DownloadError({
    found: `${repo} is gated: its owner decides who may download it (status ${status})`,
    advice: `Ask for access at ${endpoint}/${repo} and ${setToken}.`,
  });
}

function unknownRevision({ repo, revision, endpoint }: Asked): UnknownRevisionError {
  return new UnknownRevisionError({
    found: `${repo} has no revision "${revision}"`,
    expected: "one of its branches, tags or commits",
    advice: `See ${endpoint}/${repo}/tree/main for them, or leave the revision out.`,
  });
}

function notFound(status: number, { repo, endpoint, token }: Asked): DownloadError {
  const other = token === undefined ? "if it is private, set HF_TOKEN" : "check that HF_TOKEN is valid and may read it";
  return new DownloadError({
    found: `There is no model ${repo} on ${new URL(endpoint).host}, or it is private (status ${status})`,
    advice: `Check the id; ${other}.`,
  });
}

function forbidden({ repo, endpoint, token }: Asked): DownloadError {
  return new DownloadError({
    found: `${new URL(endpoint).host} does not let you read ${repo} (status 403)`,
    advice: token === undefined ? "Set HF_TOKEN to a token that may." : "Give HF_TOKEN a token that may.",
  });
}

function unexpected(response: Response): ErrorParts {
  return {
    found: answered(response),
    expected: "the model's file",
    advice: "Check HF_ENDPOINT, and open the model's page in a browser to see whether it is well.",
  };
}

/** Without the query, which in a redirect's target is a secret. */
function answered({ url, status }: Response): string {
  const { host, pathname } = new URL(url);
  return `${host} answered ${pathname} with status ${`${status} ${STATUS_CODES[status] ?? ""}`.trim()}`;
}

/**
 * The reason on one line: an answer that is no JSON is quoted with its line breaks. Where several addresses of a host
 * were tried in vain, Node's error has no message but a code.
 */
function why(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const isMute = cause instanceof Error && cause.message === "" && codeOf(cause) !== "";
  return isMute ? codeOf(cause) : reasonOf(error).replace(/\s+/g, " ");
}

/** After a redirect it is not the URL asked for that could not be reached; Node's errors say which. */
function unreachableHost(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "hostname" in cause && typeof cause.hostname === "string"
    ? cause.hostname
    : undefined;
}
