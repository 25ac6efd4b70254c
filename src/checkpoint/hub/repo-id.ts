/**
 * Validates names of models, revisions and files on the Hugging Face hub. Does not use Node, for browsers.
 *
 * Must stay true: valid names, as parts of a URL or a path in the cache, do not leave the model's folder. The rules for
 * ids are those of Python's huggingface_hub.
 */
import { InputError } from "../../errors.ts";
import { describe } from "../describe.ts";

/** Owner or name. */
const ID_PART = /^\w(?:[\w.-]{0,94}\w)?$/;
/** A URL of the hub; the first group is the id. */
const HUB_PAGE = /^(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\/([\w.-]+(?:\/[\w.-]+)?)/i;
/** What git forbids in the name of a branch or tag, and all control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they must be rejected
const NOT_IN_REVISION = /\.\.|@\{|\/\/|^\/|\/$|[\x00-\x20\x7f~^:?*[\\]|(?:^|\/)\.|\.(?:$|\/)|\.lock(?:$|\/)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they must be rejected
const NOT_IN_PATH = /[\x00-\x1f\x7f\\]|^[A-Za-z]:/;

const COMMIT = /^[0-9a-f]{40}$/;

/**
 * Returns the id unchanged.
 * @throws InputError unless it is `owner/name` or `name`, in the characters the hub allows.
 */
export function validateModelId(id: string): string {
  const parts = id.split("/");
  const isId =
    parts.length <= 2 && parts.every((part) => ID_PART.test(part)) && !/--|\.\./.test(id) && !id.endsWith(".git");
  if (isId && !HUB_PAGE.test(id)) return id;
  throw new InputError({
    found: `${describe(id)} is not the id of a model`,
    expected: '"owner/name" or "name", of letters, digits, "-", "_" and ".", without "--", ".." and ".git"',
    advice: idAdvice(id),
  });
}

/**
 * Returns the revision unchanged.
 * @throws InputError unless it could be the name of a branch or tag, or a commit.
 */
export function validateRevision(revision: string): string {
  if (revision !== "" && revision.length <= 255 && !NOT_IN_REVISION.test(revision)) return revision;
  throw new InputError({
    found: `${describe(revision)} is not a revision`,
    expected: "a branch, a tag or a commit",
    advice: 'Leave it out to get the branch "main".',
  });
}

/**
 * Returns the path unchanged.
 * @throws InputError unless it names a file inside the model: relative, with "/", without "." and "..".
 */
export function validateFilePath(path: string): string {
  const isInside = path.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..");
  if (isInside && !NOT_IN_PATH.test(path)) return path;
  throw new InputError({
    found: `${describe(path)} is not the path of a file inside a model`,
    expected: 'a path like "config.json" or "onnx/model.onnx"',
    advice: 'Write it relative to the model, with "/" between folders.',
  });
}

/** Whether this is a full commit hash, the only kind of revision that never moves. */
export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

function idAdvice(id: string): string {
  const page = HUB_PAGE.exec(id)?.[1];
  if (page !== undefined) return `Give only the id: ${describe(page)}.`;
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(id)) return 'Give only the id, like "deepset/bert-base-cased-squad2", not a URL.';
  if (/^[./~]|\\/.test(id)) return "If a folder was meant, check that it exists.";
  return "Copy the id from the top of the model's page on the hub.";
}
