/** fusebert on a browser's WebGPU: the same kernels as in Node, in headless Chromium on its software GPU. */
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LoadOptions, Question } from "../src/index.ts";
import { QuestionAnswerer } from "../src/index.ts";
import { buildApp, removeApp, serve } from "./support/browser-app.ts";
import { chromiumMissing, launchChromium, softwareGpuFlags } from "./support/chromium.ts";
import { builtInFolder } from "./support/golden.ts";

if (chromiumMissing !== undefined) console.log(`Not tested in a browser: ${chromiumMissing}.`);

const question: Question = {
  question: "Who wrote the novel?",
  context: "Frankenstein is an 1818 novel written by English author Mary Shelley.",
};

let root: string;
let browser: Browser;

describe.skipIf(chromiumMissing !== undefined)("in a browser with WebGPU", () => {
  beforeAll(async () => {
    root = await buildApp();
    browser = await launchChromium({ args: softwareGpuFlags });
  });
  afterAll(async () => {
    await browser?.close();
    if (root !== undefined) await removeApp(root);
  });

  async function answerInPage(options: LoadOptions) {
    const server = await serve({ folders: { "/": join(root, "dist"), "/model/": builtInFolder }, isolated: true });
    const page = await browser.newPage();
    try {
      await page.goto(`${server.url}/`);
      return await page.evaluate(
        async (options, question) => {
          const answerer = await window.fusebert.QuestionAnswerer.load("/model/", options);
          try {
            return { device: answerer.device, result: await answerer.answer(question) };
          } finally {
            await answerer.dispose();
          }
        },
        options,
        question,
      );
    } finally {
      await page.close();
      await server[Symbol.asyncDispose]();
    }
  }

  test.each(["f32", "f16-storage"] as const)("answers as Node does on the CPU, in %s", async (precision) => {
    const { device, result } = await answerInPage({ device: "webgpu", gpu: { precision, skipSelfTest: true } });
    await using answerer = await QuestionAnswerer.load(builtInFolder);
    const expected = await answerer.answer(question);
    expect(device).toBe("webgpu");
    expect(result.answers[0]?.text).toBe("Mary Shelley");
    const difference = Math.abs((result.answers[0]?.score ?? 0) - (expected.answers[0]?.score ?? 1));
    expect(difference).toBeLessThan(precision === "f32" ? 1e-4 : 0.05);
  });

  test("f16 on an adapter without it is refused with a message", async () => {
    await expect(answerInPage({ device: "webgpu", gpu: { precision: "f16" } })).rejects.toThrow(/f16/);
  });
});
