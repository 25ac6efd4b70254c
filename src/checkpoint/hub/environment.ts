/**
 * The environment variables shared with Python's huggingface_hub. Node only.
 *
 * Must stay true: they are read when a file is opened, not when this module is loaded, so that a program may set them;
 * messages never show the token.
 */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { InputError } from "../../errors.ts";
import { DEFAULT_ENDPOINT, normalizeEndpoint } from "./hub-url.ts";

export interface HubEnvironment {
  /** HF_ENDPOINT, without a trailing slash. */
  readonly endpoint: string;
  /** HF_TOKEN. */
  readonly token: string | undefined;
  /** HF_HUB_OFFLINE: no network access. */
  readonly offline: boolean;
  /** Absolute path of the folder with the `models--…` folders. */
  readonly cacheFolder: string;
}

/** @throws InputError if a variable is invalid. */
export function hubEnvironment(): HubEnvironment {
  const { HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE } = process.env;
  return {
    endpoint: normalizeEndpoint(HF_ENDPOINT?.trim() || DEFAULT_ENDPOINT),
    token: checkedToken(HF_TOKEN?.trim()),
    offline: /^(?:1|on|yes|true)$/i.test(HF_HUB_OFFLINE ?? ""),
    cacheFolder: resolve(expand(cachePath())),
  };
}

function checkedToken(token: string | undefined): string | undefined {
  if (token === undefined || token === "") return undefined;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new InputError({
    found: "HF_TOKEN holds characters that no token has",
    expected: 'a token like "hf_…", on one line and without spaces',
    advice: "Copy it again from https://huggingface.co/settings/tokens.",
  });
}

/**
 * The cache as Python finds it. The library's function takes an empty variable for the current folder, and does not
 * expand `~` and `$NAME`.
 */
function cachePath(): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = process.env;
  const home = HF_HOME || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface");
  return HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(home, "hub");
}

function expand(path: string): string {
  return path
    .replace(/^~(?=$|[/\\])/, () => homedir())
    .replace(/\$(?:(\w+)|\{(\w+)\})/g, (text, plain, braced) => process.env[plain ?? braced] ?? text);
}
