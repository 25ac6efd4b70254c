import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type HubServer, startHubServer } from "../../../test/support/hub-server.ts";
import type { DownloadProgress } from "../files.ts";
import { hubEnvironment } from "./environment.ts";
import { Bench, FILES, REPO, textOf } from "./testing.ts";

const start = () => Bench.start((repo) => startHubServer({ repos: [repo] }));
let bench: Bench<HubServer>;
beforeEach(async () => {
  bench = await start();
});
afterEach(async () => {
  await bench.stop();
});

const WEIGHTS = "model.safetensors";
const BYTES = textOf(FILES[WEIGHTS]);
const CONFIG = textOf(FILES["config.json"]);
const sha256 = createHash("sha256")
  .update(FILES[WEIGHTS] ?? "")
  .digest("hex");

/** Stores a file and the branch in the cache as Python does. */
function cacheLikePython(commit: string, path: string, bytes: string): void {
  const etag = createHash("sha1").update(`blob ${bytes.length}\0${bytes}`).digest("hex");
  for (const folder of ["blobs", "refs", `snapshots/${commit}`]) mkdirSync(bench.folder(folder), { recursive: true });
  writeFileSync(bench.folder("blobs", etag), bytes);
  symlinkSync(`../../blobs/${etag}`, bench.folder("snapshots", commit, path));
  writeFileSync(bench.folder("refs", "main"), commit);
}

describe("a model that is not in the cache", () => {
  it("has the bytes of every file", async () => {
    const model = bench.model();
    for (const [path, bytes] of Object.entries(FILES)) expect(await bench.read(path, model)).toBe(textOf(bytes));
    expect(model.name).toBe(REPO);
  });

  it("is stored in Python's layout", async () => {
    await bench.read(WEIGHTS);
    const commit = bench.hub.commitOf(REPO, "main");
    const pointer = bench.folder("snapshots", commit, WEIGHTS);
    expect(lstatSync(pointer).isSymbolicLink()).toBe(true);
    expect(readlinkSync(pointer)).toBe(`../../blobs/${sha256}`);
    expect(readFileSync(bench.folder("refs", "main"), "utf8")).toBe(commit);
    expect(bench.blobs()).toEqual([sha256]);
    await bench.read("onnx/a file #1.json");
    const deeper = bench.folder("snapshots", commit, "onnx", "a file #1.json");
    expect(readlinkSync(deeper)).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
  });

  it("reports download progress", async () => {
    const seen: DownloadProgress[] = [];
    await bench.read(WEIGHTS, bench.model(), { onProgress: (progress) => seen.push(progress) });
    const total = FILES[WEIGHTS]?.length;
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toEqual({ file: WEIGHTS, loaded: total, total });
    expect(seen.map(({ loaded }) => loaded)).toEqual(seen.map(({ loaded }) => loaded).sort((a, b) => a - b));
  });

  it("has no file that the repository lacks, and stores that as Python does", async () => {
    expect(await bench.read("vocab.txt")).toBeUndefined();
    expect(existsSync(bench.folder(".no_exist", bench.hub.commitOf(REPO, "main"), "vocab.txt"))).toBe(true);
    expect(await bench.read("onnx")).toBeUndefined();
    await bench.read("config.json");
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await bench.read("vocab.txt")).toBeUndefined();
  });
});

describe("a model in the cache", () => {
  it("is not downloaded again, and a commit is not even looked up", async () => {
    await bench.read(WEIGHTS);
    bench.hub.requests.length = 0;
    expect(await bench.read(WEIGHTS)).toBe(BYTES);
    expect(bench.hub.requests.map(({ path }) => path)).toEqual([`/api/models/${REPO}/revision/main`]);
    bench.hub.requests.length = 0;
    const revision = bench.hub.commitOf(REPO, "main");
    expect(await bench.read(WEIGHTS, bench.model({ revision }))).toBe(BYTES);
    expect(bench.hub.requests).toEqual([]);
  });

  it("may have been cached by Python", async () => {
    const commit = "c".repeat(40);
    cacheLikePython(commit, "config.json", "{}");
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await bench.read("config.json")).toBe("{}");
    expect(await bench.read("config.json", bench.model({ revision: commit }))).toHaveLength(2);
    expect(bench.hub.requests).toEqual([]);
  });

  it("shares equal bytes between commits", async () => {
    await bench.read(WEIGHTS);
    bench.hub.requests.length = 0;
    await bench.read(WEIGHTS, bench.model({ revision: "v1.0" }));
    expect(bench.hub.requests.filter(({ server }) => server === "cdn")).toEqual([]);
    expect(bench.blobs()).toEqual([sha256]);
  });

  it("follows the branch, but never within one model", async () => {
    const before = bench.model();
    await bench.read("config.json", before);
    bench.revisions["main"] = { "config.json": new TextEncoder().encode("new"), "vocab.txt": new Uint8Array([1]) };
    expect(await bench.read("config.json", before)).toBe(CONFIG);
    expect(await bench.read("vocab.txt", before)).toBeUndefined();
    expect(await bench.read("config.json")).toBe("new");
    expect(readFileSync(bench.folder("refs", "main"), "utf8")).toBe(bench.hub.commitOf(REPO, "main"));
  });

  it("is used while the network is down or the hub fails", async () => {
    await bench.read("config.json");
    bench.hub.faults.push({ path: /^\/api/, status: 500 });
    expect(await bench.read("config.json")).toBe(CONFIG);
    vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:2");
    expect(await bench.read("config.json")).toBe(CONFIG);
    expect((await bench.failure(WEIGHTS)).message).toMatch(/^127\.0\.0\.1:2 could not be reached .*, 4 times\./);
  });

  describe.each(["main", "a commit"])("that is damaged, at %s,", (which) => {
    const revision = () => (which === "main" ? "main" : bench.hub.commitOf(REPO, "main"));
    const cached = (path: string) => bench.folder("snapshots", bench.hub.commitOf(REPO, "main"), path);

    const damages: Record<string, (path: string, bytes: Uint8Array) => void> = {
      "a blob cut short": (path, bytes) => writeFileSync(realpathSync(path), bytes.subarray(0, bytes.length / 2)),
      "an empty blob": (path) => writeFileSync(realpathSync(path), ""),
      "a blob with other bytes": (path, bytes) => writeFileSync(realpathSync(path), Buffer.from(bytes).fill(65, 200)),
      "a copy that is cut short, in the place of a link": (path, bytes) => {
        rmSync(path);
        writeFileSync(path, bytes.subarray(0, bytes.length / 2));
      },
      "a link that leads nowhere": (path) => rmSync(realpathSync(path)),
    };

    it.each(Object.entries(damages))("%s is downloaded again", async (_, damage) => {
      for (const path of ["config.json", WEIGHTS]) {
        const bytes = FILES[path] ?? new Uint8Array();
        await bench.read(path, bench.model({ revision: revision() }));
        damage(cached(path), bytes);
        expect(await bench.read(path, bench.model({ revision: revision() }))).toBe(textOf(bytes));
        bench.hub.requests.length = 0;
        expect(await bench.read(path, bench.model({ revision: revision() }))).toBe(textOf(bytes));
        expect(
          bench.hub.requests.filter((request) => !request.path.includes("/revision/")),
          "once",
        ).toEqual([]);
      }
    });

    it("is an error if the hub cannot be reached", async () => {
      await bench.read(WEIGHTS, bench.model({ revision: revision() }));
      await bench.read(WEIGHTS);
      writeFileSync(realpathSync(cached(WEIGHTS)), "short");
      vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:2");
      const unreachable = await bench.failure(WEIGHTS, bench.model({ revision: revision() }));
      expect(unreachable.message).toMatch(
        /model\.safetensors in the model cache is damaged, and could not be downloaded again: 127\.0\.0\.1:2 could not be reached/,
      );
      vi.stubEnv("HF_HUB_OFFLINE", "1");
      const offline = await bench.failure(WEIGHTS, bench.model({ revision: revision() }));
      expect(offline.message).toBe(
        `${cached(WEIGHTS)} in the model cache is damaged; expected the file as the hub has it. ` +
          "Unset HF_HUB_OFFLINE once to download it again.",
      );
    });
  });

  it("keeps a file that is damaged in the repository itself", async () => {
    bench.revisions["main"] = { [WEIGHTS]: new TextEncoder().encode("no safetensors".repeat(2_000_000)) };
    expect(await bench.read(WEIGHTS)).toHaveLength(28_000_000);
    bench.hub.requests.length = 0;
    expect(await bench.read(WEIGHTS)).toHaveLength(28_000_000);
    expect(bench.hub.requests.map(({ server }) => server)).not.toContain("cdn");
  });

  it("may consist of copies, which are checked with the hub if the branch was looked up", async () => {
    bench.revisions["main"] = { "vocab.txt": new TextEncoder().encode("[PAD]\n[UNK]\n") };
    const commit = bench.hub.commitOf(REPO, "main");
    await bench.read("vocab.txt");
    const copy = bench.folder("snapshots", commit, "vocab.txt");
    rmSync(copy);
    writeFileSync(copy, "[PAD]");
    expect(await bench.read("vocab.txt", bench.model({ revision: commit })), "not asked").toBe("[PAD]");
    bench.hub.faults.push({ path: /paths-info/, status: 404, times: 1 });
    expect(await bench.read("vocab.txt"), "not answered").toBe("[PAD]");
    expect(await bench.read("vocab.txt")).toBe("[PAD]\n[UNK]\n");
  });

  it("ignores an invalid ref", async () => {
    await bench.read("config.json");
    writeFileSync(bench.folder("refs", "main"), "\0".repeat(40));
    expect(await bench.read("config.json")).toBe(CONFIG);
    expect(readFileSync(bench.folder("refs", "main"), "utf8")).toBe(bench.hub.commitOf(REPO, "main"));
    writeFileSync(bench.folder("refs", "main"), "");
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect((await bench.failure("config.json")).message).toMatch(/is not in the cache/);
  });

  it("is repaired if a link is dangling or a blob is too short", async () => {
    await bench.read("config.json");
    const pointer = bench.folder("snapshots", bench.hub.commitOf(REPO, "main"), "config.json");
    const blob = join(dirname(pointer), readlinkSync(pointer));
    rmSync(blob);
    expect(await bench.read("config.json")).toBe(CONFIG);
    rmSync(pointer);
    writeFileSync(blob, "{");
    expect(await bench.read("config.json")).toBe(CONFIG);
  });
});

describe("revisions", () => {
  it("can be tags and commits", async () => {
    const tagged = bench.model({ revision: "v1.0" });
    expect(tagged.name).toBe(`${REPO}@v1.0`);
    expect(await bench.read("config.json", tagged)).toBe('{"old":1}');
    const revision = bench.hub.commitOf(REPO, "main");
    expect(await bench.read("config.json", bench.model({ revision }))).toBe(CONFIG);
    expect(existsSync(bench.folder("refs", revision))).toBe(false);
  });

  it("can have slashes", async () => {
    bench.revisions["refs/pr/1"] = FILES;
    await bench.read("config.json", bench.model({ revision: "refs/pr/1" }));
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await bench.read("config.json", bench.model({ revision: "refs/pr/1" }))).toBe(CONFIG);
    expect(existsSync(bench.folder("refs", "refs", "pr", "1"))).toBe(true);
  });

  it("must exist, even with a cached copy", async () => {
    cacheLikePython("c".repeat(40), "config.json", "{}");
    delete bench.revisions["main"];
    expect((await bench.failure("config.json")).message).toBe(
      `${REPO} has no revision "main"; expected one of its branches, tags or commits. ` +
        `See ${bench.hub.url}/${REPO}/tree/main for them, or leave the revision out.`,
    );
    const unknown = bench.model({ revision: "d".repeat(40) });
    expect((await bench.failure("config.json", unknown)).message).toMatch(/has no revision "d{40}"/);
  });
});

describe("HF_HUB_OFFLINE", () => {
  it.each(["1", "true", "YES", "on"])("= %s: sends no request and gives advice", async (value) => {
    vi.stubEnv("HF_HUB_OFFLINE", value);
    const cache = join(bench.home, "hub");
    expect((await bench.failure("config.json")).message).toBe(
      `${REPO} (revision main) is not in the cache ${cache}; expected a cached copy, because HF_HUB_OFFLINE is set. ` +
        "Unset HF_HUB_OFFLINE once to download it, or set HF_HOME to the cache that has it.",
    );
    cacheLikePython("c".repeat(40), "config.json", "{}");
    expect((await bench.failure(WEIGHTS)).message).toMatch(/^model\.safetensors of .* is not in the cache/);
    expect(bench.hub.requests).toEqual([]);
  });

  it("treats a file as absent if the cache has an alternative", async () => {
    const commit = "c".repeat(40);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    const outcomes = async (paths: readonly string[]) => {
      const opened = paths.map((path) => bench.read(path).catch((error: Error) => error.name));
      return await Promise.all(opened);
    };
    const tokenizer = ["tokenizer.json", "tokenizer_config.json", "vocab.txt"];
    const weights = [WEIGHTS, "model.safetensors.index.json", "pytorch_model.bin", "onnx/model.onnx"];
    cacheLikePython(commit, "config.json", "{}");
    cacheLikePython(commit, "special_tokens_map.json", "{}");
    for (const path of [...tokenizer, ...weights]) expect(await outcomes([path])).toEqual(["DownloadError"]);
    cacheLikePython(commit, "vocab.txt", "[PAD]");
    expect(await outcomes(tokenizer)).toEqual([undefined, undefined, "[PAD]"]);
    cacheLikePython(commit, "pytorch_model.bin", "bin");
    expect(await outcomes(weights)).toEqual([undefined, undefined, "bin", undefined]);
    expect(await outcomes(["model-00001-of-00002.safetensors", "README.md"])).toEqual([
      "DownloadError",
      "DownloadError",
    ]);
    rmSync(bench.folder("blobs"), { recursive: true });
    expect(await outcomes(["tokenizer.json", WEIGHTS])).toEqual(["DownloadError", "DownloadError"]);
    expect(bench.hub.requests).toEqual([]);
  });
});

describe("hubEnvironment", () => {
  it("finds the cache where Python does", () => {
    expect(hubEnvironment().cacheFolder).toBe(join(bench.home, "hub"));
    vi.stubEnv("HF_HOME", "~/$NAMED/x");
    vi.stubEnv("NAMED", "here");
    expect(hubEnvironment().cacheFolder).toBe(join(homedir(), "here", "x", "hub"));
    vi.stubEnv("HF_HOME", undefined);
    vi.stubEnv("XDG_CACHE_HOME", "/xdg");
    expect(hubEnvironment().cacheFolder).toBe("/xdg/huggingface/hub");
    vi.stubEnv("XDG_CACHE_HOME", undefined);
    expect(hubEnvironment().cacheFolder).toBe(join(homedir(), ".cache", "huggingface", "hub"));
    vi.stubEnv("HF_HUB_CACHE", "/cache");
    expect(hubEnvironment().cacheFolder).toBe("/cache");
  });

  it("treats an empty variable as unset", () => {
    for (const name of ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"]) vi.stubEnv(name, "");
    expect(hubEnvironment().cacheFolder).toBe(join(homedir(), ".cache", "huggingface", "hub"));
  });

  it("has defaults, and rejects a token with a line break without showing it", () => {
    vi.stubEnv("HF_ENDPOINT", "");
    vi.stubEnv("HF_TOKEN", "");
    expect(hubEnvironment()).toMatchObject({ endpoint: "https://huggingface.co", token: undefined, offline: false });
    vi.stubEnv("HF_TOKEN", "hf_a\nb");
    expect(hubEnvironment).toThrow(/^HF_TOKEN holds characters that no token has; expected a token like "hf_…"/);
  });
});
