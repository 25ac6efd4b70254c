/**
 * A headless Chromium for tests, from the packages alone: nothing is downloaded and nothing of the system is needed but
 * its C library.
 *
 *     test.skipIf(chromiumMissing !== undefined)("…", async () => {
 *       await using browser = await launchChromium();
 *       const page = await browser.newPage();
 *       …
 *     });
 *
 * With WebGPU, computed on the CPU by SwiftShader:
 *
 *     launchChromium({ args: softwareGpuFlags })
 *
 * The flags that `@sparticuz/chromium` recommends are for a cloud function: they put everything in one process, which
 * makes cross-origin isolation (and with it threads) impossible, so they are not used.
 *
 * Must stay true: closing the browser, or its death, removes all that it wrote; the person's own profile and settings
 * are never touched.
 */
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser } from "puppeteer-core";
import { missingHere, unpackChromium } from "./unpack-chromium.ts";

export interface ChromiumOptions {
  /** Flags besides the ones that make it quiet. */
  readonly args?: readonly string[];
}

/** Why there is no Chromium here, to skip tests with; `undefined` where there is one. */
export const chromiumMissing: string | undefined = missingHere("the Chromium for tests");

/** The last is explained in unhurried-dawn.mjs: kernels compile in a third of the time. */
export const softwareGpuFlags: readonly string[] = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension",
];

/** How long it waits for what a page does; its own 30 s are too few for a slow machine. */
const patienceMs = 600_000;

/** Puppeteer's own flags keep it from updating, synchronising and phoning home; these go further. */
const quietFlags = ["--no-sandbox", "--disable-component-update", "--disable-domain-reliability", "--no-pings"];

/** Starts a browser with an empty profile. Its `close` (or `await using`) ends it and removes what it wrote. */
export async function launchChromium({ args = [] }: ChromiumOptions = {}): Promise<Browser> {
  if (chromiumMissing !== undefined) throw new Error(chromiumMissing);
  const unpacked = await unpackChromium();
  const home = await mkdtemp(join(tmpdir(), "fusebert-chromium-"));
  const forget = () => rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  try {
    const browser = await puppeteer.launch({
      executablePath: join(unpacked, "chromium"),
      headless: "shell",
      pipe: true,
      userDataDir: join(home, "profile"),
      args: [...quietFlags, ...args],
      timeout: patienceMs,
      protocolTimeout: patienceMs,
      env: {
        ...process.env,
        HOME: home,
        TMPDIR: home,
        LD_LIBRARY_PATH: join(unpacked, "al2023", "lib"),
        FONTCONFIG_FILE: await writeFontsConfig(home, unpacked),
      },
    });
    browser.process()?.once("exit", forget);
    const openPage = browser.newPage.bind(browser);
    browser.newPage = async (...options) => {
      const page = await openPage(...options);
      page.setDefaultTimeout(patienceMs);
      return page;
    };
    return browser;
  } catch (error) {
    forget();
    throw error;
  }
}

/** Chromium ends itself when it finds no font at all, and the package's configuration names folders of its own. */
async function writeFontsConfig(home: string, unpacked: string): Promise<string> {
  const path = join(home, "fonts.conf");
  const folders = `<dir>${join(unpacked, "fonts")}</dir><cachedir>${join(home, "fonts-cache")}</cachedir>`;
  await writeFile(path, `<?xml version="1.0"?><fontconfig>${folders}</fontconfig>`);
  return path;
}
