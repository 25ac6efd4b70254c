/**
 * The HTML report of `fusebert verify` in a browser, opened from the disk: on narrow and wide screens, light and dark.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderHtml } from "../src/verify/html/page.ts";
import { goodCandidate, sampleReport } from "../src/verify/html/testing.ts";
import { chromiumMissing, launchChromium } from "./support/chromium.ts";

if (chromiumMissing !== undefined) console.log(`Not tested in a browser: ${chromiumMissing}.`);

const longName = `${"a-very-long-name-without-any-space".repeat(8)}.safetensors`;

const reports = {
  "one layer": sampleReport(),
  "twelve layers": sampleReport({ layers: 12 }),
  "a long name": sampleReport({ candidates: [{ ...goodCandidate(), name: longName }] }),
};

describe.skipIf(chromiumMissing !== undefined)("the HTML report", () => {
  let folder: string;
  let browser: Browser;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fusebert-report-"));
    browser = await launchChromium();
    for (const [name, report] of Object.entries(reports))
      await writeFile(join(folder, `${name}.html`), renderHtml(report));
  });
  afterAll(async () => {
    await browser?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const circumstances = [360, 1440].flatMap((width) =>
    (["light", "dark"] as const).map((scheme) => ({ width, scheme })),
  );

  describe.each(Object.keys(reports))("of %s", (name) => {
    test.each(circumstances)(
      "opens at $width px, $scheme, without other requests and without horizontal scrolling",
      async ({ width, scheme }) => {
        const page = await browser.newPage();
        const address = pathToFileURL(join(folder, `${name}.html`)).href;
        const requests: string[] = [];
        const complaints: string[] = [];
        page.on("request", (request) => requests.push(request.url()));
        page.on("console", (message) => complaints.push(message.text()));
        page.on("pageerror", (error) => complaints.push(String(error)));
        await page.setViewport({ width, height: 800, isMobile: width < 600, hasTouch: width < 600 });
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await page.goto(address, { waitUntil: "load" });
        const seen = await page.evaluate(inspect);
        expect(complaints).toEqual([]);
        expect(requests.filter((url) => !url.startsWith("data:"))).toEqual([address]);
        expect(seen.overflow).toBeLessThanOrEqual(0);
        expect(seen.drawn).toBe(true);
        expect(seen.dark).toBe(scheme === "dark");
        expect(seen.colours).toBeGreaterThan(8);
        await page.close();
      },
    );
  });
});

/** Runs in the page. */
async function inspect() {
  const { scrollingElement } = document;
  const background = getComputedStyle(document.body).backgroundColor;
  const [red = 255] = (background.match(/\d+/g) ?? []).map(Number);
  const charts = [...document.querySelectorAll("svg[role=img]")];
  const picture = new Image();
  picture.src = document.querySelector("svg image")?.getAttribute("href") ?? "";
  await picture.decode();
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d");
  context?.drawImage(picture, 0, 0);
  const pixels = new Uint32Array(
    context?.getImageData(0, 0, picture.width, picture.height).data.buffer ?? new ArrayBuffer(0),
  );
  return {
    overflow: (scrollingElement?.scrollWidth ?? Number.NaN) - window.innerWidth,
    drawn: charts.length > 20 && charts.every((chart) => chart.getBoundingClientRect().height > 10),
    dark: red < 128,
    colours: new Set(pixels).size,
  };
}
