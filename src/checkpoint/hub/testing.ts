/**
 * Test fixture: a local hub that serves one model, an empty cache, and environment variables for both. Not part of the
 * package. The hub is a parameter, because only tests may import from test/.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { DownloadError } from "../../errors.ts";
import type { OpenOptions } from "../files.ts";
import { HubFiles, type HubFilesOptions } from "./hub-files.ts";

export const REPO = "MattBoraske/BERT-question-answering-SQuAD";
export const TOKEN = "hf_secret";

const FIXTURE = new URL("../../../test/fixtures/golden/random-odd/", import.meta.url);

/** The weights are an LFS file of about 1 MB. */
export const FILES: Files = {
  "config.json": new Uint8Array(readFileSync(new URL("config.json", FIXTURE))),
  "model.safetensors": new Uint8Array(readFileSync(new URL("model.safetensors", FIXTURE))),
  "onnx/a file #1.json": new TextEncoder().encode("{}"),
};

/** One character per byte: Vitest compares strings a thousand times faster than arrays. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString("latin1");
}

type Files = Readonly<Record<string, Uint8Array>>;

export interface ServedModel {
  readonly name: string;
  readonly revisions: Record<string, Files>;
  readonly token: string;
}

interface Hub {
  readonly url: string;
  close(): Promise<void>;
}

export class Bench<H extends Hub> {
  readonly hub: H;
  /** HF_HOME. */
  readonly home = mkdtempSync(join(tmpdir(), "fusebert-hub-"));
  /** Replace a value to push a commit. */
  readonly revisions: Record<string, Files>;

  private constructor(hub: H, revisions: Record<string, Files>) {
    this.hub = hub;
    this.revisions = revisions;
    for (const name of ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"]) {
      vi.stubEnv(name, undefined);
    }
    vi.stubEnv("HF_HOME", this.home);
    vi.stubEnv("HF_ENDPOINT", hub.url);
  }

  static async start<H extends Hub>(serve: (model: ServedModel) => Promise<H>): Promise<Bench<H>> {
    const revisions = { main: FILES, "v1.0": { ...FILES, "config.json": new TextEncoder().encode('{"old":1}') } };
    return new Bench(await serve({ name: REPO, revisions, token: TOKEN }), revisions);
  }

  async stop(): Promise<void> {
    vi.unstubAllEnvs();
    await this.hub.close();
    rmSync(this.home, { recursive: true, force: true });
  }

  /** A new `HubFiles`, as in a new process. */
  model(options: Partial<HubFilesOptions> = {}): HubFiles {
    return new HubFiles({ repo: REPO, timing: { retryDelayMs: 5 }, ...options });
  }

  /** A file's bytes, as `textOf`. */
  async read(path: string, model: HubFiles = this.model(), options: OpenOptions = {}): Promise<string | undefined> {
    const source = await model.open(path, options);
    if (source === undefined) return undefined;
    try {
      return textOf(await source.read(0, source.size));
    } finally {
      await source.close();
    }
  }

  /** The error of opening a file. */
  async failure(path: string, model: HubFiles = this.model()): Promise<DownloadError> {
    const error = await model.open(path).catch((reason: unknown) => reason);
    if (error instanceof DownloadError) return error;
    throw new Error(`expected a DownloadError, got ${String(error)}`);
  }

  /** The model's folder in the cache. */
  folder(...inside: string[]): string {
    return join(this.home, "hub", `models--${REPO.replace("/", "--")}`, ...inside);
  }

  /** The names in the blobs folder, including temporary ones. */
  blobs(): string[] {
    try {
      return readdirSync(this.folder("blobs"));
    } catch {
      return [];
    }
  }
}
