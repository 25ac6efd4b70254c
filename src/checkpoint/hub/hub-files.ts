/**
 * A model on the Hugging Face hub, by its id, through the cache that Python's huggingface_hub uses. Node only.
 *
 * Must stay true: all files that one `HubFiles` gives are of one commit, however the branch moves meanwhile; what the
 * cache has is taken from there, and for a commit without asking anyone; a moving revision is looked up on the hub once,
 * and when the hub cannot be asked, the cache's word for it stands, as in Python; so it does offline for files that the
 * cache has never heard of, where it has one that can stand in for them.
 */
import type { ByteSource, ModelFiles, OpenOptions } from "../files.ts";
import { FolderFiles } from "../node/folder-files.ts";
import { downloadBlob } from "./download.ts";
import { type HubEnvironment, hubEnvironment } from "./environment.ts";
import { HubCache } from "./hub-cache.ts";
import { HubClient } from "./hub-client.ts";
import { type Asked, notCached, UnknownRevisionError } from "./hub-errors.ts";
import { DEFAULT_REVISION } from "./hub-url.ts";
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
      return await client.resolveCommit(options.signal, cached === undefined ? this.#timing.attempts : 1);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (cached === undefined || error instanceof UnknownRevisionError) throw error;
      return cached;
    }
  }

  /** Sees to it that the snapshot has the file. @returns false when the commit has no such file. */
  async #ensure({ environment, asked, cache, client, options }: Visit, commit: string, path: string): Promise<boolean> {
    if (await cache.hasFile(commit, path)) return true;
    if (await cache.knowsMissing(commit, path)) return false;
    if (environment.offline) {
      if (isDispensable(path, await cache.filesOf(commit))) return false;
      throw notCached(asked, cache.root, path);
    }
    const file = await client.fileInfo(commit, path, options.signal);
    if (file === undefined) {
      await cache.rememberMissing(commit, path);
      return false;
    }
    if (!(await cache.hasBlob(file.etag, file.size))) {
      await downloadBlob({ client, cache, commit, path, file, timing: this.#timing, options });
    }
    await cache.linkFile(commit, path, file.etag);
    return true;
  }
}
