/**
 * `fusebert/webgpu` as a user's bundler sees it: no WebAssembly and no ONNX Runtime, little to download before the first
 * answer, and answers under the strictest policy: in a page, a worker, a service worker and an extension.
 */
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { build as esbuild, type Metafile } from "esbuild";
import puppeteer, { type Browser, type Target } from "puppeteer-core";
import { build as vite } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnswerResult } from "../src/index.ts";
import { builtScripts, installFusebert, removeApp, serve } from "./support/browser-app.ts";
import { chromiumMissing, launchChromium, softwareGpuFlags } from "./support/chromium.ts";
import { builtInFolder, required } from "./support/golden.ts";

if (chromiumMissing !== undefined) console.log(`Not tested in a browser: ${chromiumMissing}.`);

const policy = "default-src 'none'; script-src 'self'; connect-src 'self'";

/** Answers one question from what is posted to it, in whatever kind of worker it runs. */
const answerer = `import { QuestionAnswerer } from "fusebert/webgpu";
export async function answer({ model, question }) {
  const answerer = await QuestionAnswerer.load(model, { gpu: { skipSelfTest: true } });
  try {
    return { device: answerer.device, result: await answerer.answer(question) };
  } finally {
    await answerer.dispose();
  }
}
`;

const sources = {
  "index.html": `<!doctype html>
<meta charset="utf-8">
<script type="module" src="./page.js"></script>
`,
  "answerer.js": answerer,
  "page.js": `import { answer } from "./answerer.js";
const reply = ({ data }) => (data.error === undefined ? data : Promise.reject(new Error(data.error)));
function inWorker(request) {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = (message) => resolve(reply(message));
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(request);
  });
}
async function inServiceWorker(request) {
  await navigator.serviceWorker.register("/service-worker.js");
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = (message) => resolve(reply(message));
    active.postMessage(request, [port2]);
  });
}
Object.assign(window, { places: { page: answer, worker: inWorker, "service worker": inServiceWorker } });
`,
  "worker.js": `import { answer } from "./answerer.js";
onmessage = ({ data }) =>
  answer(data).then(postMessage, (error) => postMessage({ error: String(error) }));
`,
  "service-worker.js": `import { answer } from "./answerer.js";
oninstall = () => skipWaiting();
onactivate = (event) => event.waitUntil(clients.claim());
onmessage = (event) => {
  const [port] = event.ports;
  const reply = (message) => port.postMessage(message);
  event.waitUntil(answer(event.data).then(reply, (error) => reply({ error: String(error) })));
};
`,
};

/** An extension whose background answers. */
const extension = {
  "manifest.json": JSON.stringify({
    manifest_version: 3,
    name: "fusebert",
    version: "1",
    background: { service_worker: "background.js" },
    content_security_policy: { extension_pages: "script-src 'self'; object-src 'self'" },
  }),
  "background.js": `import { answer } from "./answerer.js";
globalThis.answerFromExtension = (question) => answer({ model: chrome.runtime.getURL("model/"), question });
`,
};

const question = {
  question: "Who wrote the novel?",
  context: "Frankenstein is an 1818 novel written by English author Mary Shelley.",
};

interface PlacesWindow {
  readonly places: Readonly<Record<string, (request: object) => Promise<{ device: string; result: AnswerResult }>>>;
}

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fusebert-gpu-app-"));
  await installFusebert(join(root, "node_modules"));
  for (const [name, text] of Object.entries(sources)) await writeFile(join(root, name), text);
  await bundle("dist", ["page.js", "worker.js"], { format: "esm", splitting: true });
  // A service worker may import nothing later, so everything is in one file.
  await bundle("dist", ["service-worker.js"], { format: "iife" });
  await writeFile(join(root, "dist", "index.html"), sources["index.html"]);
  // Here too all of it is one file.
  await writeFile(join(root, "background.js"), extension["background.js"]);
  await bundle("extension", ["background.js"], { format: "iife" });
  await writeFile(join(root, "extension", "manifest.json"), extension["manifest.json"]);
  await cp(builtInFolder, join(root, "extension", "model"), { recursive: true });
});

afterAll(async () => {
  if (root !== undefined) await removeApp(root);
});

test("nothing in the bundle is of another engine", async () => {
  const scripts = await builtScripts(root);
  expect(scripts.size).toBeGreaterThan(5);
  for (const [path, text] of scripts) {
    expect(text, path).not.toMatch(/WebAssembly|onnxruntime|\.wasm\b|wasmPaths\s*=/);
    expect(text, path).not.toMatch(/\b(?:from|import)\s*\(?\s*["'`](?:node:|#)/);
  }
});

/** Bytes minified, and compressed by gzip: of what a page downloads before a BERT's first answer. */
const limits = { minified: 258_000, gzip: 92_000 };

describe("a page downloads little before the first answer", () => {
  test("bundled by esbuild", async () => {
    const { outputs } = await bundle("sizes", ["answerer.js"], { format: "esm", splitting: true });
    const entry = required(Object.keys(outputs).find((path) => outputs[path]?.entryPoint === "answerer.js"));
    const importsOf = (path: string) =>
      (outputs[path]?.imports ?? []).filter(({ kind }) => kind === "import-statement").map((imported) => imported.path);
    const paths = [...reachable(entry, importsOf)];
    checkSizes("esbuild", await Promise.all(paths.map((path) => readFile(join(root, path)))));
  });

  test("bundled by Vite", async () => {
    await writeFile(join(root, "vite.js"), 'import { answer } from "./answerer.js";\nglobalThis.answer = answer;\n');
    const built = await vite({
      root,
      configFile: false,
      logLevel: "error",
      build: { write: false, target: "es2022", rollupOptions: { input: join(root, "vite.js") } },
    });
    const { output } = required([built].flat().find((result) => "output" in result));
    const chunks = new Map(output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file] as const] : [])));
    const entry = required([...chunks.values()].find(({ isEntry }) => isEntry));
    const names = [...reachable(entry.fileName, (name) => chunks.get(name)?.imports ?? [])];
    checkSizes(
      "Vite",
      names.map((name) => Buffer.from(required(chunks.get(name)).code)),
    );
  });
});

/** A file, and what it imports at once, directly or through others. */
function reachable(entry: string, importsOf: (file: string) => readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const pending = [entry];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    pending.push(...importsOf(file));
  }
  return found;
}

function checkSizes(bundler: string, files: readonly Buffer[]): void {
  const minified = files.reduce((sum, { length }) => sum + length, 0);
  const gzip = files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0);
  console.log(
    `fusebert/webgpu by ${bundler}: ${minified} bytes minified, ${gzip} compressed, in ${files.length} files`,
  );
  expect(minified).toBeLessThan(limits.minified);
  expect(gzip).toBeLessThan(limits.gzip);
}

/** Bundles entry points as a user would. @returns what is in each file. */
async function bundle(
  outdir: string,
  entryPoints: string[],
  form: { readonly format: "esm" | "iife"; readonly splitting?: true },
): Promise<Metafile> {
  const { metafile } = await esbuild({
    ...form,
    entryPoints,
    outdir,
    bundle: true,
    minify: true,
    target: "es2022",
    absWorkingDir: root,
    logLevel: "error",
    metafile: true,
  });
  return metafile;
}

describe.skipIf(chromiumMissing !== undefined)("without WebAssembly in the policy, it answers", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium({ args: softwareGpuFlags });
  });
  afterAll(() => browser?.close());

  test.each(["page", "worker", "service worker"])("in a %s", async (place) => {
    await using server = await serve({ folders: { "/": join(root, "dist"), "/model/": builtInFolder }, policy });
    const page = await browser.newPage();
    const refused: string[] = [];
    page.on("console", (message) => void (message.type() === "error" && refused.push(message.text())));
    await page.goto(`${server.url}/`);
    const { device, result } = await page
      .evaluate((where, request) => (window as unknown as PlacesWindow).places[where]?.(request), place, {
        model: `${server.url}/model/`,
        question,
      })
      .then(required);
    await page.close();
    expect(device).toBe("webgpu");
    expect(result.answers[0]?.text).toBe("Mary Shelley");
    expect(refused).toEqual([]);
    expect(server.downloads.filter(({ path }) => /\.wasm$/.test(path))).toEqual([]);
  });
});

/** It brings a software GPU of its own. */
const { VK_DRIVER_FILES: _files, VK_ICD_FILENAMES: _names, LD_LIBRARY_PATH: _path, ...ownGpu } = process.env;

/** A whole Chromium; the tests' own is without extensions. */
const chromium = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => existsSync(path));
if (chromium === undefined) console.log("Not tested in an extension: there is no /usr/bin/chromium.");

test.skipIf(chromium === undefined)("it answers in an extension's background", async () => {
  const browser = await puppeteer.launch({
    executablePath: required(chromium),
    headless: true,
    pipe: true,
    enableExtensions: [join(root, "extension")],
    args: ["--no-sandbox", ...softwareGpuFlags],
    protocolTimeout: 600_000,
    env: ownGpu,
  });
  try {
    const isOurs = (one: Target): boolean => one.type() === "service_worker" && one.url().endsWith("/background.js");
    const target = await browser.waitForTarget(isOurs, { timeout: 600_000 });
    // The worker is there before its script has run.
    let worker = await target.worker();
    while ((await worker?.evaluate("typeof globalThis.answerFromExtension")) !== "function") {
      await sleep(100);
      worker = await target.worker();
    }
    const { device, result } = await required(worker ?? undefined).evaluate(
      (asked) => (globalThis as unknown as ExtensionScope).answerFromExtension(asked),
      question,
    );
    expect([device, result.answers[0]?.text]).toEqual(["webgpu", "Mary Shelley"]);
  } finally {
    await browser.close();
  }
});

interface ExtensionScope {
  readonly answerFromExtension: (asked: object) => Promise<{ device: string; result: AnswerResult }>;
}
