/**
 * A small web application that uses fusebert, built and served as a user's would be.
 *
 * The application stands in a folder of its own with fusebert in its node_modules, as npm would put it there, so that
 * Vite has to find the browser half by package.json's conditions alone. Its page exposes the library as
 * `window.fusebert`; tests drive it from there.
 *
 * Must stay true: the Vite configuration is what the README tells users to write, and nothing more.
 */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type OutgoingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { build, createServer as createDevServer, type InlineConfig } from "vite";
import type { AnswerResult, Question } from "../../src/index.ts";
import { builtPackage } from "./build.ts";
import { repositoryRoot, required } from "./golden.ts";

/** What the page puts on `window`. */
export interface AppWindow {
  readonly fusebert: typeof import("../../src/index.ts");
  /** Loads the model and answers in a module worker of its own. */
  readonly answerInWorker: (model: string, question: Question) => Promise<AnswerResult>;
}

declare global {
  interface Window extends AppWindow {}
}

const sources = {
  "index.html": `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script type="module" src="./page.ts"></script>
`,
  "page.ts": `import * as fusebert from "fusebert";
function answerInWorker(model, question) {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error === undefined ? resolve(data.result) : reject(new Error(data.error)));
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ model, question });
  }).finally(() => worker.terminate());
}
Object.assign(window, { fusebert, answerInWorker });
`,
  "worker.ts": `import { QuestionAnswerer } from "fusebert";
onmessage = async ({ data: { model, question } }) => {
  try {
    const answerer = await QuestionAnswerer.load(model);
    postMessage({ result: await answerer.answer(question) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
`,
};

/** What the README tells users of Vite to write. */
const viteConfig: InlineConfig = {
  // The development server bundles dependencies in advance, and would leave ONNX Runtime's .wasm file behind.
  optimizeDeps: { exclude: ["fusebert"] },
  // A worker that loads a part of its code later, as ONNX Runtime is, can only be a module.
  worker: { format: "es" },
};

/**
 * Builds the application in a fresh folder below the temporary one.
 * @returns the folder; the built files are in its `dist`.
 */
export async function buildApp(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "fusebert-app-"));
  await installFusebert(join(root, "node_modules"));
  for (const [name, text] of Object.entries(sources)) await writeFile(join(root, name), text);
  await build({ ...viteConfig, root, configFile: false, logLevel: "warn" });
  return root;
}

/** The package's code, which needs no other package. */
export async function installFusebert(nodeModules: string): Promise<void> {
  await builtPackage();
  const fusebert = join(nodeModules, "fusebert");
  for (const part of ["package.json", "dist"]) {
    await cp(join(repositoryRoot, part), join(fusebert, part), { recursive: true });
  }
}

export interface DevServer extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
}

/** Vite's development server for the application of `buildApp`, which it serves without the build. */
export async function startDevServer(root: string): Promise<DevServer> {
  const server = await createDevServer({
    ...viteConfig,
    root,
    configFile: false,
    logLevel: "warn",
    server: { host: "127.0.0.1", hmr: false, watch: null },
  });
  await server.listen();
  const url = required(server.resolvedUrls?.local[0]).replace(/\/$/, "");
  return { url, [Symbol.asyncDispose]: () => server.close() };
}

/** Files sent to the browser, by their URL's path. */
export interface Download {
  readonly path: string;
  readonly bytes: number;
}

export interface AppServer extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
  /** All files sent so far. */
  readonly downloads: readonly Download[];
}

export interface ServeOptions {
  /** Folders by the URL path, with a slash at both ends, below which their files are. The longest that fits applies. */
  readonly folders: Readonly<Record<string, string>>;
  /** Sends the headers under which a page may share memory between threads. */
  readonly isolated?: boolean;
  /** The Content-Security-Policy of every file. */
  readonly policy?: string;
}

const mimeTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
  ".txt": "text/plain; charset=utf-8",
};

/** A page from elsewhere, like the development server's, may read the model. */
const shared: OutgoingHttpHeaders = { "access-control-allow-origin": "*" };

const isolation: OutgoingHttpHeaders = {
  ...shared,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** Serves folders on this computer until it is disposed of. */
export async function serve({ folders, isolated = false, policy }: ServeOptions): Promise<AppServer> {
  const downloads: Download[] = [];
  const headers = { ...(isolated ? isolation : shared), ...(policy && { "content-security-policy": policy }) };
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const prefix = prefixes.find((candidate) => pathname.startsWith(candidate)) ?? "/";
    const path = join(folders[prefix] ?? "", pathname.slice(prefix.length) || "index.html");
    void send(path, response, headers).then((bytes) => {
      if (bytes !== undefined) downloads.push({ path: pathname, bytes });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    downloads,
    [Symbol.asyncDispose]: () => stop(server),
  };
}

/** @returns how many bytes were sent, or undefined when there is no such file. */
async function send(path: string, response: ServerResponse, headers: OutgoingHttpHeaders): Promise<number | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) {
    response.writeHead(404, headers).end();
    return undefined;
  }
  const type = mimeTypes[extname(path)] ?? "application/octet-stream";
  response.writeHead(200, { ...headers, "content-type": type, "content-length": bytes.length }).end(bytes);
  return bytes.length;
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

/** Every file the build made, by its path, as text. */
export async function builtScripts(root: string): Promise<Map<string, string>> {
  const folder = join(root, "dist");
  const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith(".js"));
  const texts = paths.map(async (path) => [path, await readFile(join(folder, path), "utf8")] as const);
  return new Map(await Promise.all(texts));
}

export const removeApp = (root: string): Promise<void> => rm(root, { recursive: true, force: true });
