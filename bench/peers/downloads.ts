/**
 * Measures what a browser downloads before the first answer, without the model: a page for each library, built by Vite with
 * its documented settings, is opened in headless Chromium until it has answered.
 *
 * transformers.js loads ONNX Runtime's files from a content delivery network by default; here it loads them from the same
 * server, so that they are counted.
 */
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { serve } from "../../test/support/browser-app.ts";
import { chromiumMissing, launchChromium } from "../../test/support/chromium.ts";
import { repositoryRoot } from "../../test/support/golden.ts";
import type { Question } from "./contestant.ts";
import { peersFolder } from "./prepare.ts";

export interface Download {
  readonly bytes: number;
  /** Compressed by gzip, as a server would send them. */
  readonly gzipBytes: number;
  readonly answer: string;
}

/** Each page sets `window.answer`. Its packages are resolved as npm would install them. */
const pages: Readonly<Record<string, string>> = {
  fusebert: `import { QuestionAnswerer } from "fusebert";
const answerer = await QuestionAnswerer.load(new URL("/builtin/", location.href).href);
const { answers } = await answerer.answer(QUESTION);
window.answer = answers[0].text;`,
  transformers: `import { env, pipeline } from "@huggingface/transformers";
env.allowLocalModels = true;
env.allowRemoteModels = false;
env.localModelPath = "/";
env.backends.onnx.wasm.wasmPaths = "/transformers-runtime/";
const ask = await pipeline("question-answering", "exported", { dtype: "fp32", device: "wasm" });
window.answer = (await ask(QUESTION.question, QUESTION.context)).answer;`,
  "onnxruntime-web": `import * as ort from "onnxruntime-web/wasm";
import { Tokenizer } from "@huggingface/tokenizers";
const json = async (name) => (await fetch("/exported/" + name)).json();
const tokenizer = new Tokenizer(await json("tokenizer.json"), await json("tokenizer_config.json"));
const session = await ort.InferenceSession.create("/exported/onnx/model.onnx");
const { ids, token_type_ids } = tokenizer.encode(QUESTION.question, { text_pair: QUESTION.context, return_token_type_ids: true });
const tensor = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
const outputs = await session.run({
  input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)), token_type_ids: tensor(token_type_ids),
});
const best = (name) => outputs[name].data.reduce((at, value, index, all) => (value > all[at] ? index : at), 0);
window.answer = tokenizer.decode(ids.slice(best("start_logits"), best("end_logits") + 1));`,
};

/** Bytes by contestant; empty if there is no Chromium for this platform. */
export async function measureDownloads(exported: string, question: Question): Promise<ReadonlyMap<string, Download>> {
  const downloads = new Map<string, Download>();
  if (chromiumMissing !== undefined) return downloads;
  for (const [name, page] of Object.entries(pages)) {
    console.error(`Downloads of a browser: ${name}`);
    downloads.set(name, await measurePage(page.replaceAll("QUESTION", JSON.stringify(question)), exported));
  }
  return downloads;
}

async function measurePage(script: string, exported: string): Promise<Download> {
  const root = await mkdtemp(join(tmpdir(), "fusebert-page-"));
  try {
    await writeFile(
      join(root, "index.html"),
      '<link rel="icon" href="data:,"><script type="module" src="page.js"></script>',
    );
    await writeFile(join(root, "page.js"), script);
    await buildPage(root);
    await using server = await serve({
      isolated: true,
      folders: {
        "/": join(root, "dist"),
        "/builtin/": join(repositoryRoot, "models", "builtin"),
        "/exported/": exported,
        "/transformers-runtime/": await transformersRuntime(root),
      },
    });
    const answer = await answerOf(server.url);
    const code = server.downloads.filter(({ path }) => !/^\/(builtin|exported)\//.test(path));
    const files = code.map(({ path }) => {
      const runtime = "/transformers-runtime/";
      return path.startsWith(runtime) ? join(root, "runtime", path.slice(runtime.length)) : join(root, "dist", path);
    });
    const contents = await Promise.all(
      files.map((path) => readFile(path.endsWith("/") ? join(path, "index.html") : path)),
    );
    return {
      bytes: contents.reduce((total, { length }) => total + length, 0),
      gzipBytes: contents.reduce((total, content) => total + gzipSync(content).length, 0),
      answer,
    };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function buildPage(root: string): Promise<void> {
  await build({
    root,
    configFile: false,
    logLevel: "silent",
    build: { target: "esnext" },
    worker: { format: "es" },
    resolve: {
      alias: [
        { find: /^fusebert$/, replacement: join(repositoryRoot, "dist", "index.js") },
        { find: /^#platform$/, replacement: join(repositoryRoot, "dist", "platform", "browser.js") },
        { find: /^@huggingface\//, replacement: join(peersFolder, "node_modules", "@huggingface/") },
        { find: /^onnxruntime-web\/wasm$/, replacement: runtimeModule() },
      ],
    },
  });
}

const runtimeModule = (): string =>
  join(repositoryRoot, "node_modules", "onnxruntime-web", "dist", "ort.wasm.bundle.min.mjs");

/** Copies the runtime that transformers.js depends on. */
async function transformersRuntime(root: string): Promise<string> {
  const folder = join(root, "runtime");
  const modules = join(peersFolder, "node_modules");
  const nested = join(modules, "@huggingface", "transformers", "node_modules");
  const runtime = join(existsSync(join(nested, "onnxruntime-web")) ? nested : modules, "onnxruntime-web", "dist");
  await cp(runtime, folder, { recursive: true, filter: (path) => !path.endsWith(".map") });
  return folder;
}

async function answerOf(url: string): Promise<string> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    const failed = new Promise<never>((_, reject) => {
      page.on("pageerror", reject);
    });
    await page.goto(url);
    await Promise.race([page.waitForFunction("window.answer !== undefined", { timeout: 60_000 }), failed]);
    return String(await page.evaluate("window.answer"));
  } finally {
    await browser.close();
  }
}
