/**
 * A model on the Hugging Face hub, by its id, through the cache that Python's huggingface_hub uses. Node only.
 *
 * Must stay true: all files that one `HubFiles` gives are of one commit, however the branch moves meanwhile; what the
 * cache has is taken from there, and for a commit without asking anyone; a moving revision is looked up on the hub once,
 * and when the hub cannot be asked, the cache's word for it stands, as in Python; so it does offline for files that the
 * cache has never heard of, where it has one that can stand in for them. A file of the cache that is damaged (`inspect.ts`)
 * is compared with what the hub has, for a commit too, and fetched anew.
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
import { type Asked, damagedInCache, notCached, UnknownRevisionError } from "./hub-errors.ts";
import { DEFAULT_REVISION } from "./hub-url.ts";
import { inspectFile, isGenuine } from "./inspect.ts";
import { isCommit, validateFilePath, validateModelId, validateRevision } from "./repo-id.ts";
import { DEFAULT_TIMING, type Timing } from "./retry.ts";
import { isDispensable } from "./stand-ins.ts";

export interface HubFilesOptions {
  /** `owner/name` or `name`. */
  readonly repo: string;
  /** A branch, a tag or a commit; the branch `main` by default. */
  readonly revision?: string | undefined;
  /** Other patience than `DEFAULT_TIMING`. */
  readonly timing?: Partial<Timing> | undefined;
}

/** What one `open` works with: the environment may differ from the one before. */
interface Visit {
  readonly environment: HubEnvironment;
  readonly asked: Asked;
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
  /** Whether the hub was asked for the revision, and answered. */
  #isLookedUp = false;

  /** @throws InputError if the id or the revision cannot be one. */
  constructor({ repo, revision = DEFAULT_REVISION, timing }: HubFilesOptions) {
    this.#repo = validateModelId(repo);
    this.#revision = validateRevision(revision);
    this.#timing = { ...DEFAULT_TIMING, ...timing };
    this.name = revision === DEFAULT_REVISION ? repo : `${repo}@${revision}`;
    if (isCommit(revision)) this.#commit = revision;
  }

  /**
   * Opens a file from the cache, after downloading it into there if need be.
   * @throws DownloadError if it is not in the cache and cannot be fetched. When `options.signal` aborts, its reason is
   * thrown as it is.
   */
  async open(path: string, options: OpenOptions = {}): Promise<ByteSource | undefined> {
    validateFilePath(path);
    options.signal?.throwIfAborted();
    const visit = this.#visit(options);
    const commit = await this.#resolve(visit);
    if (!(await this.#ensure(visit, commit, path))) return undefined;
    await visit.cache.writeRef(this.#revision, commit);
    return await new FolderFiles(visit.cache.snapshot(commit)).open(path);
  }

  #visit(options: OpenOptions): Visit {
    const environment = hubEnvironment();
    const { endpoint, token, cacheFolder } = environment;
    const asked = { repo: this.#repo, revision: this.#revision, endpoint, token };
    const cache = new HubCache(cacheFolder, this.#repo);
    return { environment, asked, cache, client: new HubClient(asked, this.#timing), options };
  }

  /** The commit, looked up once. Of two lookups at the same time the first to end decides for both. */
  async #resolve(visit: Visit): Promise<string> {
    if (this.#commit !== undefined) return this.#commit;
    const found = await this.#lookUp(visit);
    this.#commit ??= found;
    return this.#commit;
  }

  async #lookUp({ environment, asked, cache, client, options }: Visit): Promise<string> {
    const cached = await cache.readRef(this.#revision);
    if (environment.offline) {
      if (cached !== undefined) return cached;
      throw notCached(asked, cache.root);
    }
    try {
      // Nobody should wait long for the newest commit of what can be used as it is.
      const commit = await client.resolveCommit(options.signal, cached === undefined ? this.#timing.attempts : 1);
      this.#isLookedUp = true;
      return commit;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (cached === undefined || error instanceof UnknownRevisionError) throw error;
      return cached;
    }
  }

  /** Sees to it that the snapshot has the file. @returns false when the commit has no such file. */
  async #ensure(visit: Visit, commit: string, path: string): Promise<boolean> {
    const { environment, asked, cache, client, options } = visit;
    const file = join(cache.snapshot(commit), path);
    const condition = await inspectFile(file);
    // Opening one that cannot be read says why.
    if (condition === "whole" || condition === "unreadable") return true;
    if (condition === "absent") {
      if (await cache.knowsMissing(commit, path)) return false;
      if (!environment.offline) {
        return await this.#bring(visit, commit, path, await client.fileInfo(commit, path, options.signal));
      }
      if (isDispensable(path, await cache.filesOf(commit))) return false;
      throw notCached(asked, cache.root, path);
    }
    // What nothing speaks against is used as it is where the hub cannot be asked, or should not.
    if (condition === "unknown" && (environment.offline || !this.#isLookedUp)) return true;
    if (environment.offline) throw damagedInCache(file);
    let isKnown = false;
    try {
      const remote = await client.fileInfo(commit, path, options.signal);
      isKnown = true;
      return await this.#bring(visit, commit, path, remote);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof DownloadError)) throw error;
      if (condition === "unknown" && !isKnown) return true;
      throw damagedInCache(file, error);
    }
  }

  /** Brings the file into the snapshot, unless it is there as the hub has it. @returns false as `#ensure`. */
  async #bring(visit: Visit, commit: string, path: string, file: RemoteFile | undefined): Promise<boolean> {
    const { cache, client, options } = visit;
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
