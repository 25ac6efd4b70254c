import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CheckpointError, DownloadError, InputError } from "../errors.ts";
import type { DownloadProgress } from "./files.ts";
import { HttpFiles } from "./http-files.ts";

const body = Buffer.alloc(300_000, "0123456789");
const requests: string[] = [];

/** The server's behaviour, by path. */
const routes: Record<string, RequestListener> = {
  "/m/whole": (_, response) => response.setHeader("Content-Length", body.length).end(body),
  "/m/chunked": (_, response) => response.write(body.subarray(0, 100_000), () => response.end(body.subarray(100_000))),
  "/m/gzip": (_, response) => response.setHeader("Content-Encoding", "gzip").end(gzipSync(body)),
  "/m/sized-gzip": (_, response) => {
    const packed = gzipSync(body);
    response.setHeader("Content-Encoding", "gzip").setHeader("Content-Length", packed.length).end(packed);
  },
  "/m/empty": (_, response) => response.end(),
  "/m/page": (_, response) => response.setHeader("Content-Type", "text/html; charset=utf-8").end("<!doctype html>"),
  "/m/forbidden": (_, response) => response.writeHead(403).end("no"),
  "/m/broken": (_, response) => response.writeHead(500).end(),
  "/m/part": (_, response) => response.writeHead(206).end(body.subarray(1)),
  "/m/short": (_, response) => {
    response.writeHead(200, { "Content-Length": body.length });
    response.write(body.subarray(0, 1000), () => response.destroy());
  },
  "/m/huge": (_, response) => {
    response.writeHead(200, { "Content-Length": "900000000000000" });
    response.write("x");
  },
  "/m/stuck": (_, response) => {
    response.writeHead(200, { "Content-Length": body.length });
    response.write(body.subarray(0, 1000));
  },
  "/m/drip": (_, response) => {
    response.writeHead(200, { "Content-Length": body.length });
    const timer = setInterval(() => response.write("x"), 20);
    response.on("close", () => clearInterval(timer));
  },
  "/m/silent": () => undefined,
  "/m/endless": (_, response) => {
    const more = () => response.write(body, () => response.destroyed || more());
    more();
  },
  "/m/a%20b": (_, response) => response.end("space"),
};

let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const route = routes[(request.url ?? "").replace(/\?.*/, "")];
    if (route === undefined) response.writeHead(404).end("not found");
    else route(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test.each(["whole", "chunked", "gzip", "sized-gzip"])("a file sent %s is downloaded completely", async (path) => {
  const progress: DownloadProgress[] = [];
  const source = await new HttpFiles(`${origin}/m`).open(path, { onProgress: (step) => progress.push(step) });
  expect(source?.size).toBe(body.length);
  expect(Buffer.compare((await source?.read(0, body.length)) ?? Buffer.of(), body)).toBe(0);
  const [a, b] = [await source?.read(5, 7), await source?.read(20, 21)];
  expect(a?.buffer, "views of one buffer").toBe(b?.buffer);
  expect(progress.at(-1)).toEqual({
    file: path,
    loaded: body.length,
    total: path === "whole" ? body.length : undefined,
  });
  expect(progress.map(({ loaded }) => loaded)).toEqual(progress.map(({ loaded }) => loaded).toSorted((x, y) => x - y));
  await source?.close();
});

test("a missing file, and an HTML page in its place, are undefined", async () => {
  const files = new HttpFiles(`${origin}/m/`);
  expect(files.name).toBe(`${origin}/m`);
  expect(await files.open("none")).toBeUndefined();
  expect(await files.open("page")).toBeUndefined();
  expect((await files.open("empty"))?.size).toBe(0);
});

test("a query is sent with every request and never shown; special characters are encoded", async () => {
  const files = new HttpFiles(`${origin}/m?token=secret`);
  expect((await files.open("a b"))?.size).toBe(5);
  expect(requests.at(-1)).toBe("GET /m/a%20b?token=secret");
  expect(files.name).toBe(`${origin}/m`);
  await expect(files.open("forbidden")).rejects.not.toThrow("secret");
});

test.each([
  ["forbidden", "/m/forbidden answered with status 403 Forbidden; expected status 200 and the file. Check that"],
  [
    "broken",
    "/m/broken answered with status 500 Internal Server Error; expected status 200 and the file. Try again later",
  ],
  ["part", "answered with status 206"],
  ["short", "The download of"],
  ["huge", "needs 900,000,000,000,000 bytes, more than this runtime can allocate"],
])("%s is a DownloadError", async (path, message) => {
  const opening = new HttpFiles(`${origin}/m`).open(path);
  await expect(opening).rejects.toThrow(DownloadError);
  await expect(opening).rejects.toThrow(message);
});

test("a body shorter than announced is an error even if fetch accepts it", async () => {
  const original = globalThis.fetch;
  globalThis.fetch = async () => new Response("abc", { headers: { "Content-Length": "4" } });
  try {
    await expect(new HttpFiles(origin).open("f")).rejects.toThrow("/f ended after 3 bytes; expected the 4 that");
  } finally {
    globalThis.fetch = original;
  }
});

test.each([
  ["drip", /The download of .*\/m\/drip was interrupted \(only \d+ bytes came in 0 s\)/],
  ["stuck", /The download of .*\/m\/stuck was interrupted \(nothing came for 0\.3 s\)/],
  ["silent", /\/m\/silent could not be fetched \(nothing came for 0\.3 s\)/],
])("a %s server is given up", async (path, message) => {
  const files = new HttpFiles(`${origin}/m`, { quietMs: 300, speedWindowMs: 400, minBytesPerSecond: 1000 });
  const opening = files.open(path);
  await expect(opening).rejects.toThrow(DownloadError);
  await expect(opening).rejects.toThrow(message);
});

test.each([
  ["whole", "has 300,000 bytes; expected at most 1,000"],
  ["huge", "has 900,000,000,000,000 bytes; expected at most 1,000"],
  ["gzip", "has more than 1,000 bytes; expected at most 1,000"],
  ["endless", "has more than 1,000 bytes; expected at most 1,000"],
])("a file sent %s beyond maxBytes is rejected as soon as that is known", async (path, message) => {
  const opening = new HttpFiles(`${origin}/m`).open(path, { maxBytes: 1000 });
  await expect(opening).rejects.toThrow(CheckpointError);
  await expect(opening).rejects.toThrow(message);
});

test("an unreachable server is a DownloadError with the reason", async () => {
  const opening = new HttpFiles("http://127.0.0.1:9/m").open("whole");
  await expect(opening).rejects.toThrow(DownloadError);
  await expect(opening).rejects.toThrow("http://127.0.0.1:9/m/whole could not be fetched (fetch failed: ");
});

test("an abort stops a download and rejects with the signal's reason", async () => {
  const files = new HttpFiles(`${origin}/m`);
  const reason = new Error("changed my mind");
  await expect(files.open("whole", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const onProgress = () => controller.abort(reason);
  await expect(files.open("stuck", { signal: controller.signal, onProgress })).rejects.toBe(reason);
});

test.each(["models/builtin", "", "http://"])("%j is not a base URL in Node", (url) => {
  expect(() => new HttpFiles(url)).toThrow(InputError);
});

test("credentials in a URL are rejected and not shown", () => {
  expect(() => new HttpFiles("https://me:pass@example.org/m")).toThrow(
    "The URL https://example.org/m holds a user name",
  );
});
