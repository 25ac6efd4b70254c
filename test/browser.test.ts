/**
 * fusebert in a browser: the package bundled by Vite, answering in headless Chromium through WebAssembly, with the
 * built-in model from a web server. What it answers must be what Node answers.
 */
import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type AnswerResult, type LoadOptions, type Question, QuestionAnswerer } from "../src/index.ts";
import {
  type AppServer,
  buildApp,
  builtScripts,
  type Download,
  removeApp,
  serve,
  startDevServer,
} from "./support/browser-app.ts";
import { chromiumMissing, launchChromium } from "./support/chromium.ts";
import { builtInFolder, repositoryRoot, required } from "./support/golden.ts";

if (chromiumMissing !== undefined) console.log(`Not tested in a browser: ${chromiumMissing}.`);

const model = "/model/";
const novel: Question = {
  question: "Who wrote the novel?",
  context: "Frankenstein is an 1818 novel written by English author Mary Shelley.\nIt is set in Geneva.",
};
const tramway = "The tramway was electrified in 1897. Its depot stands beside the harbour, where the rails end. ";
const questions: readonly Question[] = [
  novel,
  { question: novel.question, context: `${tramway.repeat(20)}${novel.context} ${tramway.repeat(4)}` },
  {
    question: "Where was Zoë born?",
    context: "🎉👩‍🚀 Zoe\u0308 Müller was born in Łódź 🇵🇱 in 1931, and she lived there until the war was over.",
  },
];

let root: string;
let browser: Browser;
let expected: AnswerResult[];

describe.skipIf(chromiumMissing !== undefined)("in a browser", () => {
  beforeAll(async () => {
    root = await buildApp();
    await mkdir(join(root, "without-weights"));
    await cp(join(builtInFolder, "config.json"), join(root, "without-weights", "config.json"));
    browser = await launchChromium();
    await using answerer = await QuestionAnswerer.load(builtInFolder);
    expected = await answerer.answer(questions);
    expect(expected.map(({ answers }) => answers[0]?.text)).toEqual(["Mary Shelley", "Mary Shelley", "Łódź"]);
  });
  afterAll(async () => {
    await browser?.close();
    if (root !== undefined) await removeApp(root);
  });

  test("nothing that exists only in Node is in the bundle", async () => {
    const scripts = await builtScripts(root);
    expect(scripts.size).toBeGreaterThanOrEqual(2);
    for (const [path, text] of scripts) {
      expect(text, path).not.toMatch(/\b(?:from|import)\s*\(?\s*["'`](?:node:|onnxruntime-node|#platform)/);
      expect(text, path).not.toContain("__vite-browser-external");
    }
  });

  describe.each([
    ["with the headers that allow threads", true],
    ["without them, on one thread", false],
  ])("%s", (_, isolated) => {
    test("answers as Node does, without a word on the console", async () => {
      await using tab = await openTab({ isolated });
      expect(await tab.page.evaluate(() => window.crossOriginIsolated)).toBe(isolated);
      const results = await tab.page.evaluate(answerAll, model, questions, isolated ? { threads: 2 } : {});
      for (const [index, result] of results.entries()) expectAsInNode(result, index);
      expect(results[1]?.windows).toBeGreaterThan(1);
      // One thread is the page's own.
      expect(tab.page.workers()).toHaveLength(isolated ? 1 : 0);
      expect(tab.messages).toEqual([]);
      expect(tab.server.downloads.filter(({ path }) => path.endsWith(".wasm"))).toHaveLength(1);
      if (!isolated) await printDownloads(tab.server.downloads);
    });

    test("answers in a module worker", async () => {
      await using tab = await openTab({ isolated });
      const question = required(questions[2]);
      const result = await tab.page.evaluate(
        (model, question) => window.answerInWorker(new URL(model, window.location.href).href, question),
        model,
        question,
      );
      expectAsInNode(result, 2);
      expect(tab.messages).toEqual([]);
    });
  });

  test("takes a model from files that the page already has", async () => {
    await using tab = await openTab({});
    const result = await tab.page.evaluate(
      async (folder, question) => {
        const { MemoryFiles, QuestionAnswerer } = window.fusebert;
        const files: Record<string, Blob> = {};
        for (const name of ["config.json", "model.safetensors", "tokenizer.json"]) {
          files[name] = await (await fetch(folder + name)).blob();
        }
        const answerer = await QuestionAnswerer.load(new MemoryFiles(files));
        return await answerer.answer(question);
      },
      model,
      novel,
    );
    expectAsInNode(result, 0);
  });

  test("takes ONNX Runtime's files from wasmPaths", async () => {
    await using tab = await openTab({});
    const options = { wasmPaths: `${tab.server.url}/runtime/` };
    const results = await tab.page.evaluate(answerAll, model, [novel], options);
    expectAsInNode(required(results[0]), 0);
    const runtimeFiles = tab.server.downloads.map(({ path }) => path).filter((path) => path.startsWith("/runtime/"));
    expect(runtimeFiles.sort()).toEqual([
      "/runtime/ort-wasm-simd-threaded.mjs",
      "/runtime/ort-wasm-simd-threaded.wasm",
    ]);
    expect(tab.messages).toEqual([]);
  });

  test("answers from Vite's development server too", async () => {
    await using tab = await openTab({});
    await using dev = await startDevServer(root);
    await tab.page.goto(`${dev.url}/`);
    await tab.page.waitForFunction(() => window.fusebert !== undefined);
    const files = `${tab.server.url}${model}`;
    const results = await tab.page.evaluate(answerAll, files, [novel], {});
    expectAsInNode(required(results[0]), 0);
    expect(tab.messages).toEqual([]);
  });

  test("says what to do when ONNX Runtime's files are not served", async () => {
    await using tab = await openTab({});
    const message = await tab.page.evaluate(loadError, model, { wasmPaths: "/nowhere/" });
    expect(message).toMatch(/^EngineError: ONNX Runtime's WebAssembly cannot be loaded: .*\/nowhere\/.*wasmPaths/);
  });

  test("tells of its progress: every file, then the text, then every window", async () => {
    await using tab = await openTab({});
    const { files, phases } = await tab.page.evaluate(
      async (model, question) => {
        const files: Record<string, { loaded: number; total: number | undefined }> = {};
        const phases: Record<string, { done: number; total: number }> = {};
        const answerer = await window.fusebert.QuestionAnswerer.load(model, {
          onProgress: ({ file, loaded, total }) => {
            files[file] = { loaded, total };
          },
        });
        await answerer.answer(question, {
          onProgress: ({ phase, done, total }) => {
            phases[phase] = { done, total };
          },
        });
        return { files, phases };
      },
      model,
      required(questions[1]),
    );
    const { length } = await readFile(join(builtInFolder, "model.safetensors"));
    expect(files["model.safetensors"]).toEqual({ loaded: length, total: length });
    expect(Object.keys(files).sort()).toEqual([
      "config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    const [text, windows] = [required(questions[1]).context.length, required(expected[1]).windows];
    expect(phases).toEqual({ tokenize: { done: text, total: text }, compute: { done: windows, total: windows } });
  });

  test("answers two calls at once, and again after dispose and load", async () => {
    await using tab = await openTab({});
    const { together, refused, again } = await tab.page.evaluate(
      async (model, [first, second]) => {
        const { QuestionAnswerer } = window.fusebert;
        const answerer = await QuestionAnswerer.load(model);
        const together = await Promise.all([answerer.answer(first), answerer.answer(second)]);
        await answerer.dispose();
        const refused = await answerer.answer(first).catch((error: unknown) => String(error));
        const fresh = await QuestionAnswerer.load(model);
        const again = await fresh.answer(first);
        await fresh.dispose();
        return { together, refused, again };
      },
      model,
      [novel, required(questions[2])] as const,
    );
    expectAsInNode(together[0], 0);
    expectAsInNode(together[1], 2);
    expect(refused).toMatch(/^EngineError: the model was disposed of/);
    expectAsInNode(again, 0);
    expect(tab.messages).toEqual([]);
  });

  test.each([
    ["no model", undefined, /^InputError: no model is named; .*serve that folder and give its URL\.$/],
    ["a model without weights", "/without-weights/", /^CheckpointError: .*\/without-weights has no weights/],
    ["a folder that is missing", "/nowhere/", /^CheckpointError: .*\/nowhere has no config\.json/],
    ["a server that is down", "http://127.0.0.1:2/", /^DownloadError: .* could not be fetched/],
  ])("says what is wrong with %s", async (_, where, message) => {
    await using tab = await openTab({});
    expect(await tab.page.evaluate(loadError, where, {})).toMatch(message);
  });

  test("an abort ends a load with the signal's reason", async () => {
    await using tab = await openTab({});
    const reason = await tab.page.evaluate((model) => {
      const controller = new AbortController();
      const onProgress = () => controller.abort(new Error("enough"));
      return window.fusebert.QuestionAnswerer.load(model, { signal: controller.signal, onProgress }).catch(String);
    }, model);
    expect(reason).toBe("Error: enough");
  });
});

interface Tab extends AsyncDisposable {
  readonly page: Page;
  readonly server: AppServer;
  /** Warnings and errors on the console, and errors nobody caught. */
  readonly messages: readonly string[];
}

/** The application in a fresh page, from a server of its own: nothing is in the browser's cache. */
async function openTab({ isolated = true }: { isolated?: boolean }): Promise<Tab> {
  const folders = {
    "/": join(root, "dist"),
    [model]: builtInFolder,
    "/without-weights/": join(root, "without-weights"),
    "/runtime/": join(repositoryRoot, "dist/onnxruntime"),
  };
  const server = await serve({ folders, isolated });
  const page = await browser.newPage();
  const messages: string[] = [];
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) messages.push(message.text());
  });
  page.on("pageerror", (error) => messages.push(String(error)));
  await page.goto(`${server.url}/`);
  return {
    page,
    server,
    messages,
    [Symbol.asyncDispose]: async () => {
      await page.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Runs in the page. */
async function answerAll(model: string, questions: readonly Question[], options: LoadOptions): Promise<AnswerResult[]> {
  const answerer = await window.fusebert.QuestionAnswerer.load(model, options);
  return await answerer.answer(questions);
}

/** Runs in the page. */
async function loadError(where: string | undefined, options: LoadOptions): Promise<string> {
  try {
    await window.fusebert.QuestionAnswerer.load(where, options);
    return "no error";
  } catch (error) {
    return String(error);
  }
}

/** @param index which of the `questions` was answered. */
function expectAsInNode({ answers, windows, noAnswerScore }: AnswerResult, index: number): void {
  const inNode = required(expected[index]);
  const { context } = required(questions[index]);
  const withoutScore = (answer: Answer) => ({ ...answer, score: undefined });
  expect(answers.map(withoutScore)).toEqual(inNode.answers.map(withoutScore));
  for (const [rank, { score, text, start, end }] of answers.entries()) {
    expect(Math.abs(score - required(inNode.answers[rank]).score)).toBeLessThan(1e-5);
    expect(context.slice(start, end)).toBe(text);
  }
  expect(Math.abs(noAnswerScore - inNode.noAnswerScore)).toBeLessThan(1e-5);
  expect(windows).toBe(inNode.windows);
}

/** What a page costs its visitors before the first answer, besides the model. */
async function printDownloads(downloads: readonly Download[]): Promise<void> {
  const lines = [];
  for (const { path, bytes } of downloads.filter(({ path }) => !path.startsWith(model))) {
    const file = await readFile(join(root, "dist", path === "/" ? "index.html" : path));
    lines.push(`  ${path}: ${kilobytes(bytes)}, ${kilobytes(gzipSync(file).length)} compressed`);
  }
  console.log(["Downloaded before the first answer, without the model:", ...lines].join("\n"));
}

const kilobytes = (bytes: number): string => `${Math.ceil(bytes / 1000).toLocaleString("en")} kB`;
