/**
 * URLs of a model's files on the hub. Does not use Node: in a browser `new HttpFiles(hubBaseUrl({ repo }))` is enough
 * to read a model from the hub, because the hub allows every origin and browsers have a cache.
 */
import { InputError } from "../../errors.ts";
import { describe } from "../describe.ts";
import { validateModelId, validateRevision } from "./repo-id.ts";

export const DEFAULT_ENDPOINT = "https://huggingface.co";
export const DEFAULT_REVISION = "main";

export interface HubAddress {
  /** `owner/name` or `name`. */
  readonly repo: string;
  /** A branch, tag or commit; default: `main`. */
  readonly revision?: string | undefined;
  /** The hub's or a mirror's URL; default: https://huggingface.co. */
  readonly endpoint?: string | undefined;
}

/**
 * The base URL of the model's files: `https://huggingface.co/owner/name/resolve/main`.
 * @throws InputError for an invalid id, revision or endpoint.
 */
export function hubBaseUrl({ repo, revision = DEFAULT_REVISION, endpoint = DEFAULT_ENDPOINT }: HubAddress): string {
  // A revision is one segment: the hub expects `refs/pr/1` as `refs%2Fpr%2F1`.
  const segment = encodeURIComponent(validateRevision(revision));
  return `${normalizeEndpoint(endpoint)}/${validateModelId(repo)}/resolve/${segment}`;
}

/** The URL of one file of the model. */
export function hubFileUrl(address: HubAddress, path: string): string {
  return `${hubBaseUrl(address)}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/**
 * Removes the endpoint's trailing slash.
 * @throws InputError if it is not an http(s) URL, or has a user name, password, query or fragment.
 */
export function normalizeEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && url.username + url.password + url.search + url.hash === "";
  if (isPlain && /^https?:$/.test(url.protocol)) return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  throw new InputError({
    // The URL is not shown, because it may hold a password.
    found: `The hub's endpoint (HF_ENDPOINT) is ${url === undefined ? describe(text) : "not a plain web address"}`,
    expected: `an http or https URL without user, query and fragment, like ${DEFAULT_ENDPOINT}`,
    advice: `Leave it out to use ${DEFAULT_ENDPOINT}.`,
  });
}
