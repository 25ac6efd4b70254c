import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type HubRepo, type HubServer, startHubServer } from "../../../test/support/hub-server.ts";
import { Bench, FILES, REPO, TOKEN, textOf } from "./testing.ts";

const start = (more: Pick<HubRepo, "access"> = {}) =>
  Bench.start((repo) => startHubServer({ repos: [{ ...repo, ...more }] }));
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
const CDN = /^\/cdn\//;

/** The range of every request to the storage. */
function ranges(): (string | undefined)[] {
  return bench.hub.requests.filter(({ server }) => server === "cdn").map(({ headers }) => headers.range);
}

describe("a broken connection", () => {
  it("is continued where it broke", async () => {
    bench.hub.faults.push({ path: CDN, cutAfter: 100_000, times: 2 });
    const loaded: number[] = [];
    const bytes = await bench.read(WEIGHTS, bench.model(), { onProgress: (progress) => loaded.push(progress.loaded) });
    expect(bytes).toBe(BYTES);
    expect(ranges()[1]).toMatch(/^bytes=[1-9]\d*-$/);
    expect(ranges()).toHaveLength(3);
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
  });

  it("restarts if the server ignores ranges", async () => {
    bench.hub.faults.push({ path: CDN, cutAfter: 100_000, times: 1 }, { path: CDN, ignoreRange: true });
    expect(await bench.read(WEIGHTS)).toBe(BYTES);
  });

  it("is given up after four attempts, leaves nothing, and the next process starts cleanly", async () => {
    bench.hub.faults.push({ path: CDN, cutAfter: 1000, times: 4 });
    expect((await bench.failure(WEIGHTS)).message).toMatch(
      /^The download of model\.safetensors broke off after [\d,]+ of 943,336 bytes \(.+\), 4 times\. Check the network/,
    );
    expect(bench.blobs()).toEqual([]);
    expect(await bench.read(WEIGHTS)).toBe(BYTES);
    expect(ranges().at(-1)).toBeUndefined();
  });

  it("is detected when the server falls silent, in the middle of a file and before an answer", async () => {
    bench.hub.faults.push({ path: CDN, stallAfter: 5000, times: 1 });
    const model = () => bench.model({ timing: { retryDelayMs: 5, quietMs: 2000 } });
    expect(await bench.read(WEIGHTS, model())).toBe(BYTES);
    bench.hub.faults.push({ path: /config\.json$/, stallAfter: 0 });
    expect((await bench.failure("config.json", model())).message).toMatch(/nothing came for 2 s.*, 4 times/);
  });

  it("does not harm concurrent downloads of one file", async () => {
    bench.hub.faults.push({ path: CDN, cutAfter: 300_000, times: 3 });
    const all = await Promise.all(Array.from({ length: 6 }, () => bench.read(WEIGHTS)));
    for (const bytes of all) expect(bytes).toBe(BYTES);
    expect(bench.blobs()).toHaveLength(1);
  });
});

describe("a server that never ends", () => {
  it("is aborted if it is too slow", async () => {
    bench.hub.faults.push({ path: CDN, drip: true });
    const timing = { retryDelayMs: 5, speedWindowMs: 200, minBytesPerSecond: 1000 };
    expect((await bench.failure(WEIGHTS, bench.model({ timing }))).message).toMatch(
      /^The download of model\.safetensors broke off after \d+ of 943,336 bytes \(only \d+ bytes came in 0 s\), 4 times\./,
    );
    expect(bench.blobs()).toEqual([]);
  });

  it("is waited for if it is fast enough", async () => {
    bench.hub.faults.push({ path: /config\.json$/, drip: true });
    const timing = { speedWindowMs: 200, minBytesPerSecond: 1 };
    bench.revisions["main"] = { "config.json": new TextEncoder().encode('{"some": "json of 30 bytes"}') };
    expect(await bench.read("config.json", bench.model({ timing }))).toBe('{"some": "json of 30 bytes"}');
  });

  it.each([/revision/, /paths-info/])("is aborted while answering %s", async (path) => {
    bench.hub.faults.push({ path, endless: true });
    const error = await bench.failure(WEIGHTS);
    expect(error.message).toMatch(/answered \/api\/models\/.* with more than 4,000,000 bytes; expected a short answer/);
    expect(bench.hub.requests.length, "asked once").toBeLessThanOrEqual(2);
  });

  it("is not asked for a file beyond maxBytes", async () => {
    const opening = bench.model().open(WEIGHTS, { maxBytes: 1000 });
    await expect(opening).rejects.toThrow(`${REPO}/model.safetensors has 943,336 bytes; expected at most 1,000`);
    expect(bench.blobs()).toEqual([]);
    expect(bench.hub.requests.map(({ server }) => server)).not.toContain("cdn");
  });
});

describe("leftovers of killed processes", () => {
  it("are never used, and removed when old", async () => {
    await bench.read("config.json");
    const [etag = ""] = bench.blobs();
    await bench.stop();
    bench = await start();
    mkdirSync(bench.folder("blobs"), { recursive: true });
    for (const name of ["aaaaaaaa", "bbbbbbbb"])
      writeFileSync(bench.folder("blobs", `${etag}.${name}.incomplete`), "x");
    utimesSync(bench.folder("blobs", `${etag}.aaaaaaaa.incomplete`), 0, 0);
    expect(await bench.read("config.json")).toBe(CONFIG);
    expect(bench.blobs().sort()).toEqual([etag, `${etag}.bbbbbbbb.incomplete`]);
  });
});

describe("wrong bytes", () => {
  it.each([WEIGHTS, "config.json"])("of %s are rejected and not kept", async (path) => {
    bench.hub.faults.push({ path: path === WEIGHTS ? CDN : /resolve/, wrongBytes: true });
    expect((await bench.failure(path)).message).toMatch(
      /has other bytes than the hub announced; expected [\d,]+ bytes with the (SHA-256|git hash) "[0-9a-f]+"\. Nothing was/,
    );
    expect(bench.blobs()).toEqual([]);
  });
});

describe("a failing hub", () => {
  it("is retried", async () => {
    bench.hub.faults.push({ path: /revision/, status: 500, times: 2 }, { path: CDN, status: 503, times: 2 });
    expect(await bench.read(WEIGHTS)).toBe(BYTES);
    bench.hub.faults.push({ path: /paths-info/, status: 502, times: 1 });
    expect(await bench.read("config.json")).toBe(CONFIG);
  });

  it("is given up after four attempts", async () => {
    bench.hub.faults.push({ path: /revision/, status: 500 });
    expect((await bench.failure(WEIGHTS)).message).toMatch(
      /^127\.0\.0\.1:\d+ answered \/api\/models\/.* with status 500 Internal Server Error, 4 times\. Try again later\.$/,
    );
    expect(bench.hub.requests).toHaveLength(4);
  });

  it("is retried after the requested delay", async () => {
    bench.hub.faults.push({ path: /revision/, status: 429, headers: { "retry-after": "1" }, times: 1 });
    const start = performance.now();
    expect(await bench.read("config.json")).toBe(CONFIG);
    expect(performance.now() - start).toBeGreaterThan(950);
  });

  it("is not retried if the requested delay is too long", async () => {
    bench.hub.faults.push({ path: /revision/, status: 429, headers: { "retry-after": "300" } });
    expect((await bench.failure("config.json")).advice).toBe("Try again in 300 s, or set HF_TOKEN for a higher limit.");
    expect(bench.hub.requests).toHaveLength(1);
  });

  it("is distinguished from other servers", async () => {
    bench.hub.faults.push({ path: /revision/, status: 200, headers: { "content-type": "text/html" } });
    expect((await bench.failure("config.json")).message).toMatch(
      /gave an answer that cannot be understood .*expected a/,
    );
    bench.hub.faults.splice(0, 1, { path: CDN, status: 403 });
    expect((await bench.failure(WEIGHTS)).message).not.toMatch(/signature|secret/);
  });
});

describe("access", () => {
  it("to an unknown model: says that it may be private", async () => {
    const model = bench.model({ repo: "nobody/nothing" });
    expect((await bench.failure("config.json", model)).message).toMatch(
      /^There is no model nobody\/nothing on 127\.0\.0\.1:\d+, or it is private \(status 401\)\. Check the id; if it is private, set HF_TOKEN\.$/,
    );
    vi.stubEnv("HF_TOKEN", TOKEN);
    expect((await bench.failure("config.json", model)).advice).toMatch(/check that HF_TOKEN is valid and may read it/);
  });

  it("to a gated model: says where to ask", async () => {
    await bench.stop();
    bench = await start({ access: "gated" });
    const refused = await bench.failure("config.json");
    expect(refused.found).toBe(`${REPO} is gated: its owner decides who may download it (status 401)`);
    expect(refused.advice).toBe(
      `Ask for access at ${bench.hub.url}/${REPO} and set HF_TOKEN to a token of that account.`,
    );
    vi.stubEnv("HF_TOKEN", "hf_other");
    expect((await bench.failure("config.json")).message).toMatch(/\(status 403\)\. .* use a token of that account\.$/);
    vi.stubEnv("HF_TOKEN", TOKEN);
    expect(await bench.read("config.json")).toBe(CONFIG);
  });

  it("to a private model: the token, of any form, is sent only to the hub", async () => {
    await bench.stop();
    bench = await start({ access: "private" });
    vi.stubEnv("HF_TOKEN", TOKEN);
    bench.hub.faults.push({ path: CDN, cutAfter: 1000, times: 1 });
    expect(await bench.read(WEIGHTS)).toBe(BYTES);
    const sent = (server: string) =>
      new Set(bench.hub.requests.filter((request) => request.server === server).map((r) => r.headers.authorization));
    expect(sent("hub")).toEqual(new Set([`Bearer ${TOKEN}`]));
    expect(sent("cdn")).toEqual(new Set([undefined]));
    vi.stubEnv("HF_TOKEN", "not-a-hub-token");
    expect((await bench.failure("config.json", bench.model({ revision: "v1.0" }))).found).toMatch(/status 404/);
  });
});

describe("a cache that cannot be written", () => {
  it("is named, with advice", async () => {
    const file = join(bench.home, "file");
    writeFileSync(file, "");
    vi.stubEnv("HF_HOME", file);
    const { message } = await bench.failure("config.json");
    expect(message).toMatch(
      /^The model cache .*\/file\/hub cannot be written \(ENOTDIR.*\)\. Make it writable, or set HF_HOME/,
    );
  });
});

describe("an abort", () => {
  const untilItHangs = { timeout: 600_000 };
  const reason = new Error("enough");

  it.each([/revision/, /paths-info/, /resolve/, CDN])("while %s is silent ends it", async (path) => {
    bench.hub.faults.push({ path, silent: true });
    const controller = new AbortController();
    const opening = bench.model().open(WEIGHTS, { signal: controller.signal });
    await expect.poll(() => bench.hub.requests.at(-1)?.path, untilItHangs).toMatch(path);
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
    expect(bench.blobs()).toEqual([]);
  });

  it("between two attempts ends it", async () => {
    bench.hub.faults.push({ path: /revision/, status: 503 });
    const model = bench.model({ timing: { retryDelayMs: 5000 } });
    const controller = new AbortController();
    const opening = model.open(WEIGHTS, { signal: controller.signal });
    await expect.poll(() => bench.hub.requests.length, untilItHangs).toBe(1);
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
    expect(bench.hub.requests).toHaveLength(1);
  });

  it("in the middle of a file leaves nothing, and the model can be opened again", async () => {
    const controller = new AbortController();
    const model = bench.model();
    const onProgress = () => controller.abort(reason);
    await expect(model.open(WEIGHTS, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(readdirSync(bench.folder("blobs"))).toEqual([]);
    expect(await bench.read(WEIGHTS, model)).toBe(BYTES);
  });

  it("before the start sends no request", async () => {
    await expect(bench.model().open(WEIGHTS, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(bench.hub.requests).toEqual([]);
  });

  it("is not hidden by a cached copy", async () => {
    await bench.read("config.json");
    bench.hub.faults.push({ path: /revision/, silent: true });
    const before = bench.hub.requests.length;
    const controller = new AbortController();
    const opening = bench.model().open("config.json", { signal: controller.signal });
    await expect.poll(() => bench.hub.requests.length, untilItHangs).toBeGreaterThan(before);
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
  });
});

it("propagates an exception in onProgress", async () => {
  const broken = new Error("display");
  const onProgress = () => {
    throw broken;
  };
  await expect(bench.model().open(WEIGHTS, { onProgress })).rejects.toBe(broken);
  expect(bench.blobs()).toEqual([]);
});
