/**
 * Where the hub serves a model's files. Free of Node: in a browser `new HttpFiles(hubBaseUrl({ repo }))` is all that is
 * needed to read a model from the hub, because the hub allows every origin and browsers keep their own cache.
 */
import { InputError } from "../../errors.ts";
import { describe } from "../describe.ts";
import { validateModelId, validateRevision } from "./repo-id.ts";

export const DEFAULT_ENDPOINT = "https://huggingface.co";
export const DEFAULT_REVISION = "main";

/** A model on a hub. */
export interface HubAddress {
  /** `owner/name` or `name`. */
  readonly repo: string;
  /** A branch, a tag or a commit; the branch `main` by default. */
  readonly revision?: string | undefined;
  /** The hub's URL, https://huggingface.co by default; a mirror has its own. */
  readonly endpoint?: string | undefined;
}

/**
 * The URL below which every file of the model is found by its path: `https://huggingface.co/owner/name/resolve/main`.
 * @throws InputError if the id, the revision or the endpoint cannot be one.
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
 * The endpoint without a slash at its end.
 * @throws InputError if it is no http(s) URL, or holds a user name, a password, a query or a fragment.
 */
export function normalizeEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && url.username + url.password + url.search + url.hash === "";
  if (isPlain && /^https?:$/.test(url.protocol)) return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  throw new InputError({
    // A password in it must not be shown.
    found: `The hub's endpoint (HF_ENDPOINT) is ${url === undefined ? describe(text) : "no plain web address"}`,
    expected: `an http or https URL without user, query and fragment, like ${DEFAULT_ENDPOINT}`,
    advice: `Leave it out to use ${DEFAULT_ENDPOINT}.`,
  });
}
