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
 *     launchChromium({ args: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"] })
 *
 * `@sparticuz/chromium` brings Chromium, SwiftShader, fonts and the libraries that a bare system lacks as archives, and
 * unpacks them into the temporary folder, where two processes at once would use each other's half-written files. Here
 * a process of its own unpacks them into a fresh folder, which gets its place below node_modules/.cache in one step;
 * `npm ci` clears it away. The flags it recommends are for a cloud function: they put everything in one process, which
 * makes cross-origin isolation (and with it threads) impossible, so they are not used.
 *
 * Must stay true: closing the browser, or its death, removes all that it wrote; the person's own profile and settings
 * are never touched.
 */
import { execFile } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import puppeteer, { type Browser } from "puppeteer-core";
import { repositoryRoot } from "./golden.ts";

export interface ChromiumOptions {
  /** Flags besides the ones that make it quiet. */
  readonly args?: readonly string[];
}

/** Why there is no Chromium here, to skip tests with; `undefined` where there is one. */
export const chromiumMissing: string | undefined =
  process.platform === "linux" && process.arch === "x64"
    ? undefined
    : `the Chromium for tests is built for Linux on x64, and this is ${process.platform} on ${process.arch}`;

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
      env: {
        ...process.env,
        HOME: home,
        TMPDIR: home,
        LD_LIBRARY_PATH: join(unpacked, "al2023", "lib"),
        FONTCONFIG_FILE: await writeFontsConfig(home, unpacked),
      },
    });
    browser.process()?.once("exit", forget);
    return browser;
  } catch (error) {
    forget();
    throw error;
  }
}

/** @returns the folder that holds `chromium`, its libraries and fonts; unpacked once a version of the package. */
async function unpackChromium(): Promise<string> {
  const manifest = await readFile(join(repositoryRoot, "node_modules/@sparticuz/chromium/package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  const cache = join(repositoryRoot, "node_modules", ".cache");
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(`${folder}-`);
  try {
    await unpackInto(fresh);
    await rename(fresh, folder);
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(folder)) throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return folder;
}

/** The package looks at the environment for where to unpack to, and for whether the system lacks libraries. */
async function unpackInto(folder: string): Promise<void> {
  const script = 'import chromium from "@sparticuz/chromium"; await chromium.executablePath();';
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: repositoryRoot,
    env: { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs22.x" },
  });
}

/** Chromium ends itself when it finds no font at all, and the package's configuration names folders of its own. */
async function writeFontsConfig(home: string, unpacked: string): Promise<string> {
  const path = join(home, "fonts.conf");
  const folders = `<dir>${join(unpacked, "fonts")}</dir><cachedir>${join(home, "fonts-cache")}</cachedir>`;
  await writeFile(path, `<?xml version="1.0"?><fontconfig>${folders}</fontconfig>`);
  return path;
}
