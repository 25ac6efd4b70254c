/**
 * What the tests of this folder share: a hub on this computer that serves one model, an empty cache, and an environment
 * that leads to both. Not part of the package. The hub itself is handed in: nothing here but tests may import from
 * test/.
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

/** The model's files, the weights an LFS file of about 1 MB. */
export const FILES: Files = {
  "config.json": new Uint8Array(readFileSync(new URL("config.json", FIXTURE))),
  "model.safetensors": new Uint8Array(readFileSync(new URL("model.safetensors", FIXTURE))),
  "onnx/a file #1.json": new TextEncoder().encode("{}"),
};

/** Bytes as a string of as many characters, which is compared a thousand times faster than arrays by the test runner. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString("latin1");
}

type Files = Readonly<Record<string, Uint8Array>>;

/** What the tests have the hub serve. */
export interface ServedModel {
  readonly name: string;
  readonly revisions: Record<string, Files>;
  readonly token: string;
}

/** What is needed of a hub here; the tests know more of it. */
interface Hub {
  readonly url: string;
  close(): Promise<void>;
}

export class Bench<H extends Hub> {
  readonly hub: H;
  /** HF_HOME. */
  readonly home = mkdtempSync(join(tmpdir(), "fusebert-hub-"));
  /** Replace a value to push. */
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

  /** The model, opened by a program that has just started. */
  model(options: Partial<HubFilesOptions> = {}): HubFiles {
    return new HubFiles({ repo: REPO, timing: { retryDelayMs: 5 }, ...options });
  }

  /** The bytes of a file as `model` gives them, as `textOf` shows them. */
  async read(path: string, model: HubFiles = this.model(), options: OpenOptions = {}): Promise<string | undefined> {
    const source = await model.open(path, options);
    if (source === undefined) return undefined;
    try {
      return textOf(await source.read(0, source.size));
    } finally {
      await source.close();
    }
  }

  /** The error that opening a file must end with. */
  async failure(path: string, model: HubFiles = this.model()): Promise<DownloadError> {
    const error = await model.open(path).catch((reason: unknown) => reason);
    if (error instanceof DownloadError) return error;
    throw new Error(`expected a DownloadError, got ${String(error)}`);
  }

  /** The model's folder in the cache. */
  folder(...inside: string[]): string {
    return join(this.home, "hub", `models--${REPO.replace("/", "--")}`, ...inside);
  }

  /** What is in the cache's folder of blobs, half files included. */
  blobs(): string[] {
    try {
      return readdirSync(this.folder("blobs"));
    } catch {
      return [];
    }
  }
}
