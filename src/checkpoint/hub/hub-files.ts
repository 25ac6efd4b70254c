/**
 * A model on the Hugging Face hub, by its id, through the cache that Python's huggingface_hub uses. Node only.
 *
 * Must stay true: all files of one `HubFiles` are of one commit, even if the branch moves; cached files are used, for a
 * commit without any request; a branch or tag is looked up on the hub once, and if the hub cannot be reached, the
 * cached ref is used, as in Python. Offline, a file that the cache does not know counts as absent if there is an
 * alternative (`stand-ins.ts`). A damaged file of the cache (`inspect.ts`) is compared with the hub's, also for a
 * commit, and downloaded again.
 */
import { join } from "node:path";
import { DownloadError } from "../../errors.ts";
import type { ByteSource, ModelFiles, OpenOptions } from "../files.ts";
import { FolderFiles } from "../node/folder-files.ts";
import { tooLarge } from "../text-file.ts";
import { downloadBlob } from "./download.ts";
import { type HubEnvironment, hubEnvironment } from "./environment.ts";
import { HubCache } from "./hub-cache.ts";
import { HubClient, type RemoteFile } from "./hub-client.ts";
import { damagedInCache, type ModelRequest, notCached, UnknownRevisionError } from "./hub-errors.ts";
import { DEFAULT_REVISION } from "./hub-url.ts";
import { inspectFile, isGenuine } from "./inspect.ts";
import { isCommit, validateFilePath, validateModelId, validateRevision } from "./repo-id.ts";
import { DEFAULT_TIMING, type Timing } from "./retry.ts";
import { isDispensable } from "./stand-ins.ts";

export interface HubFilesOptions {
  /** `owner/name` or `name`. */
  readonly repo: string;
  /** A branch, tag or commit; default: `main`. */
  readonly revision?: string | undefined;
  /** Overrides of `DEFAULT_TIMING`. */
  readonly timing?: Partial<Timing> | undefined;
}

/** The state of one `open` call, because the environment may change between calls. */
interface OpenContext {
  readonly environment: HubEnvironment;
  readonly request: ModelRequest;
  readonly cache: HubCache;
  readonly client: HubClient;
  readonly options: OpenOptions;
}

export class HubFiles implements ModelFiles {
  readonly name: string;
  readonly #repo: string;
  readonly #revision: string;
  readonly #timing: Timing;
  #commit: string | undefined;
  /** Whether the hub has answered which commit the revision is. */
  #isLookedUp = false;

  /** @throws InputError for an invalid id or revision. */
  constructor({ repo, revision = DEFAULT_REVISION, timing }: HubFilesOptions) {
    this.#repo = validateModelId(repo);
    this.#revision = validateRevision(revision);
    this.#timing = { ...DEFAULT_TIMING, ...timing };
    this.name = revision === DEFAULT_REVISION ? repo : `${repo}@${revision}`;
    if (isCommit(revision)) this.#commit = revision;
  }

  /**
   * Opens a file from the cache, after downloading it if needed.
   * @throws DownloadError if it is not in the cache and cannot be downloaded; the reason of `options.signal` on abort.
   */
  async open(path: string, options: OpenOptions = {}): Promise<ByteSource | undefined> {
    validateFilePath(path);
    options.signal?.throwIfAborted();
    const context = this.#context(options);
    const commit = await this.#resolve(context);
    if (!(await this.#ensure(context, commit, path))) return undefined;
    await context.cache.writeRef(this.#revision, commit);
    return await new FolderFiles(context.cache.snapshot(commit)).open(path);
  }

  #context(options: OpenOptions): OpenContext {
    const environment = hubEnvironment();
    const { endpoint, token, cacheFolder } = environment;
    const request = { repo: this.#repo, revision: this.#revision, endpoint, token };
    const cache = new HubCache(cacheFolder, this.#repo);
    return { environment, request, cache, client: new HubClient(request, this.#timing), options };
  }

  /** The commit, looked up once. Of concurrent lookups, the first result is used for all. */
  async #resolve(context: OpenContext): Promise<string> {
    if (this.#commit !== undefined) return this.#commit;
    const found = await this.#lookUp(context);
    this.#commit ??= found;
    return this.#commit;
  }

  async #lookUp({ environment, request, cache, client, options }: OpenContext): Promise<string> {
    const cached = await cache.readRef(this.#revision);
    if (environment.offline) {
      if (cached !== undefined) return cached;
      throw notCached(request, cache.root);
    }
    try {
      // No retries if there is a cached copy to use.
      const commit = await client.resolveCommit(options.signal, cached === undefined ? this.#timing.attempts : 1);
      this.#isLookedUp = true;
      return commit;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (cached === undefined || error instanceof UnknownRevisionError) throw error;
      return cached;
    }
  }

  /** Makes sure that the snapshot has the file. @returns false if the commit has no such file. */
  async #ensure(context: OpenContext, commit: string, path: string): Promise<boolean> {
    const { environment, request, cache, client, options } = context;
    const file = join(cache.snapshot(commit), path);
    const condition = await inspectFile(file);
    // Opening an unreadable file gives the error.
    if (condition === "whole" || condition === "unreadable") return true;
    if (condition === "absent") {
      if (await cache.knowsMissing(commit, path)) return false;
      if (!environment.offline) {
        return await this.#download(context, commit, path, await client.fileInfo(commit, path, options.signal));
      }
      if (isDispensable(path, await cache.filesOf(commit))) return false;
      throw notCached(request, cache.root, path);
    }
    // A file that cannot be checked locally is used if the hub cannot or should not be asked.
    if (condition === "unknown" && (environment.offline || !this.#isLookedUp)) return true;
    if (environment.offline) throw damagedInCache(file);
    let isKnown = false;
    try {
      const remote = await client.fileInfo(commit, path, options.signal);
      isKnown = true;
      return await this.#download(context, commit, path, remote);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof DownloadError)) throw error;
      if (condition === "unknown" && !isKnown) return true;
      throw damagedInCache(file, error);
    }
  }

  /** Downloads the file, unless the snapshot has the hub's bytes. @returns as `#ensure`. */
  async #download(context: OpenContext, commit: string, path: string, file: RemoteFile | undefined): Promise<boolean> {
    const { cache, client, options } = context;
    if (file === undefined) {
      await cache.rememberMissing(commit, path);
      return false;
    }
    const { maxBytes = Number.POSITIVE_INFINITY } = options;
    if (file.size > maxBytes) throw tooLarge(`${this.name}/${path}`, file.size, maxBytes);
    if (await isGenuine(join(cache.snapshot(commit), path), file)) return true;
    if (!(await isGenuine(cache.blob(file.etag), file))) {
      await downloadBlob({ client, cache, commit, path, file, timing: this.#timing, options });
    }
    await cache.linkFile(commit, path, file.etag);
    return true;
  }
}
