/**
 * The package as a person gets it: packed, installed alone into an empty folder, used from the shell, from JavaScript and
 * from TypeScript. The optional packages are put beside it where a test is about them.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { publint } from "publint";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerReport } from "../src/cli/answer/render.ts";
import { builtPackage } from "./support/build.ts";
import { repositoryRoot, required } from "./support/golden.ts";

const run = promisify(execFile);

/** The built-in model alone is 25.5 MB, and weights hardly compress; ONNX Runtime's WebAssembly is 14.2 MB, compressed 3.7. */
const largestTarball = 32e6;

/** A promise of the README. */
const largestInstallation = 75e6;

const consumer = `import {
  type Answer, type AnswerProgress, type AnswerResult, FusebertError, InputError, MemoryFiles, type ModelFiles,
  QuestionAnswerer,
} from "fusebert";
import { loadTokenizer, type TokenizedText } from "fusebert/tokenizer";

const phases = new Set<AnswerProgress["phase"]>();
export const files: ModelFiles = new MemoryFiles({ "config.json": new Uint8Array() });

export async function main(): Promise<readonly Answer[]> {
  await using answerer = await QuestionAnswerer.load(undefined, { device: "cpu" });
  const context = "Frankenstein is an 1818 novel written by English author Mary Shelley.";
  const question = { question: "Who wrote the novel?", context };
  const one: AnswerResult = await answerer.answer(question, { topK: 2, onProgress: ({ phase }) => phases.add(phase) });
  const many: AnswerResult[] = await answerer.answer([question], { scoring: "logits" });
  // @ts-expect-error: an answer has no such field, so the types are not just \`any\`
  many[0]?.answers[0]?.txt;
  try {
    await answerer.answer({ question: "", context });
  } catch (error) {
    if (!(error instanceof InputError && error instanceof FusebertError)) throw error;
  }
  const { ids, starts }: TokenizedText = (await loadTokenizer()).encode(context);
  if (ids.length !== starts.length) throw new Error("arrays of different lengths");
  return one.answers;
}
`;

const tsconfig = {
  compilerOptions: {
    strict: true,
    target: "es2023",
    lib: ["es2023", "dom"],
    module: "nodenext",
    moduleResolution: "nodenext",
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    // Also fusebert's own declarations are checked, with no types but those it brings.
    skipLibCheck: false,
    types: [],
    outDir: "out",
  },
  files: ["consumer.mts"],
};

let folder: string;
let app: string;
let tarball: string;

beforeAll(async () => {
  await builtPackage();
  folder = await mkdtemp(join(tmpdir(), "fusebert-package-"));
  app = join(folder, "app");
  await run("npm", ["pack", "--silent", "--pack-destination", folder], {
    cwd: repositoryRoot,
    env: freshEnvironment(),
  });
  tarball = join(folder, required((await readdir(folder)).find((name) => name.endsWith(".tgz"))));
  await mkdir(app);
  await writeFile(join(app, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await npm("install", "--prefer-offline", "--no-audit", "--no-fund", tarball);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("holds what it needs and nothing else, in a bearable size", async () => {
  const { size } = await stat(tarball);
  console.log(`The package is a file of ${(size / 1e6).toFixed(1)} MB.`);
  expect(size).toBeLessThan(largestTarball);
  const installed = join(app, "node_modules", "fusebert");
  const needed = ["LICENSE", "README.md", "THIRD_PARTY_LICENSES", "bin", "dist", "models", "package.json"];
  expect((await readdir(installed)).sort()).toEqual([...needed, "CHANGELOG.md", "docs"].sort());
  const files = await readdir(installed, { recursive: true });
  expect(files.filter((path) => /\.test\.|(?<!\.d)\.ts$|\.map$/.test(path))).toEqual([]);
  expect(files).toContain(join("models", "builtin", "model.safetensors"));
});

test("an installation is small, and nothing else is installed", async () => {
  const modules = join(app, "node_modules");
  const sizes = new Map<string, number>();
  for (const entry of await readdir(modules, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const [name = "", part = "", folder = ""] = relative(modules, path).split(sep);
    const row = name === "fusebert" ? [name, part, ...(folder === "onnxruntime" ? [folder] : [])].join("/") : name;
    sizes.set(row, (sizes.get(row) ?? 0) + (await stat(path)).size);
  }
  const rows = [...sizes].sort(([, a], [, b]) => b - a);
  const total = rows.reduce((sum, [, bytes]) => sum + bytes, 0);
  const table = [...rows, ["together", total] as const].map(
    ([name, bytes]) => `${(bytes / 1e6).toFixed(2)} MB  ${name}`,
  );
  console.log(["An installation:", ...table].join("\n  "));
  expect(total).toBeLessThan(largestInstallation);
  const packages = (await readdir(modules)).filter((name) => !name.startsWith("."));
  expect(packages).toEqual(["fusebert"]);
});

test("the licence of everything that is bundled is in it", async () => {
  const sections = await thirdParties();
  const names = sections.map(([, heading]) => heading.split(" ")[0]);
  const some = ["@huggingface/hub", "@observablehq/plot", "commander", "linkedom", "onnxruntime-web", "xz-decompress"];
  expect(names).toEqual(expect.arrayContaining(some));
  for (const [text, heading] of sections) expect(text, heading).toMatch(/copyright/i);
});

test("its command answers through WebAssembly, and says once how to get the faster engine", async () => {
  const { stdout, stderr } = await fusebert("answer", ...asked, "--json");
  const report = JSON.parse(stdout) as AnswerReport;
  expect(report).toMatchObject({ device: "wasm", computedBy: "wasm: ONNX Runtime, f32" });
  expect(report.answers[0]).toMatchObject({ text: "Mary Shelley", start: 0, end: 12 });
  expect(stderr).toMatch(
    /^fusebert: warning: ONNX Runtime computes as WebAssembly; npm install onnxruntime-node makes it \d to \d times as fast\.\n$/,
  );
});

test("the device cpu takes WebAssembly without a word", async () => {
  const { stdout, stderr } = await fusebert("answer", ...asked, "--json", "--device", "cpu");
  expect(JSON.parse(stdout)).toMatchObject({ device: "wasm" });
  expect(stderr).toBe("");
});

test("the device webgpu names the command that installs what it needs", async () => {
  const failure = await fusebert("answer", ...asked, "--device", "webgpu").catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 2,
    stdout: "",
    stderr:
      "fusebert: the package webgpu is not installed; expected webgpu, which the device webgpu needs in Node. Run npm install webgpu.\n",
  });
});

test("native ONNX Runtime computes where it is installed", async () => {
  await using _ = await beside("onnxruntime-node", (folder) =>
    symlink(join(repositoryRoot, "node_modules", "onnxruntime-node"), folder, "dir"),
  );
  for (const device of ["auto", "cpu"]) {
    const { stdout, stderr } = await fusebert("answer", ...asked, "--json", "--device", device);
    expect(JSON.parse(stdout)).toMatchObject({ device: "cpu", computedBy: "cpu: ONNX Runtime, f32" });
    expect(stderr).toBe("");
  }
});

test("an optional package that is installed but broken is told from one that is absent", async () => {
  await using _runtime = await beside("onnxruntime-node", broken("libc.musl-x86_64.so.1: cannot open"));
  await using _dawn = await beside("webgpu", broken("no dawn.node here"));
  const { stdout, stderr } = await fusebert("answer", ...asked, "--json");
  expect(JSON.parse(stdout)).toMatchObject({ device: "wasm", answers: [{ text: "Mary Shelley" }] });
  expect(stderr).toBe(
    "fusebert: warning: the package onnxruntime-node is installed, but cannot be loaded: libc.musl-x86_64.so.1: cannot open; ONNX Runtime computes as WebAssembly instead.\n",
  );
  const failure = await fusebert("answer", ...asked, "--device", "webgpu").catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("webgpu is installed, but cannot be loaded: no dawn.node here; expected"),
  });
});

test("its types are whole, and the library answers", async () => {
  await writeFile(join(app, "consumer.mts"), consumer);
  await writeFile(join(app, "tsconfig.json"), JSON.stringify(tsconfig));
  const compiler = join(repositoryRoot, "node_modules", "typescript", "bin", "tsc");
  const { stdout } = await run(process.execPath, [compiler, "--project", app], inApp()).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe("");
  const script = 'import { main } from "./out/consumer.mjs"; console.log(JSON.stringify(await main()));';
  const printed = await run(process.execPath, ["--input-type=module", "--eval", script], inApp());
  const answers = JSON.parse(printed.stdout) as AnswerReport["answers"];
  expect(answers).toHaveLength(2);
  expect(answers[0]).toMatchObject({ text: "Mary Shelley", start: 56, end: 68 });
  expect(printed.stderr).toBe("");
});

test("its exports, files and types are what Node, bundlers and TypeScript expect of a package", async () => {
  const pkgDir = join(app, "node_modules", "fusebert");
  const { messages } = await publint({ pkgDir, strict: true, pack: false });
  expect(messages).toEqual([]);
  const attw = join(repositoryRoot, "node_modules", "@arethetypeswrong", "cli", "dist", "index.js");
  const options = ["--profile", "esm-only", "--no-definitely-typed", "--format", "json"];
  // An ECMAScript module alone; another problem is exit code 1.
  const { stdout } = await run(process.execPath, [attw, tarball, ...options], { maxBuffer: 1e8 });
  const { analysis } = JSON.parse(stdout) as { analysis: { entrypoints: Record<string, { hasTypes: boolean }> } };
  const { exports } = JSON.parse(await readFile(join(pkgDir, "package.json"), "utf8")) as { exports: object };
  const withTypes = Object.keys(exports).filter((name) => !/models|package\.json/.test(name));
  const typed = Object.entries(analysis.entrypoints).filter(([, { hasTypes }]) => hasTypes);
  expect(typed.map(([name]) => name)).toEqual(withTypes);
});

test("its bill of materials lists what is bundled, and no more", async () => {
  const sbom = await run(process.execPath, [join(repositoryRoot, "tools", "sbom.mjs")], { maxBuffer: 1e8 });
  const { components } = JSON.parse(sbom.stdout) as { components: { name: string; version: string }[] };
  const names = (await thirdParties()).map(([, heading]) => heading);
  expect(components.map(({ name, version }) => `${name} ${version}`).sort()).toEqual(names.sort());
});

test("its declarations name nothing that only the package itself can resolve", async () => {
  const dist = join(app, "node_modules", "fusebert", "dist");
  const declarations = (await readdir(dist, { recursive: true })).filter((path) => path.endsWith(".d.ts"));
  for (const path of declarations) {
    const text = await readFile(join(dist, path), "utf8");
    for (const [, name = ""] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      expect(name, `${path} imports it`).toMatch(/^\./);
    }
  }
});

async function npm(...args: readonly string[]): Promise<void> {
  await run("npm", args, inApp());
}

/** The sections of THIRD_PARTY_LICENSES, each with the name and version in its heading. */
async function thirdParties(): Promise<[string, string][]> {
  const text = await readFile(join(app, "node_modules", "fusebert", "THIRD_PARTY_LICENSES"), "utf8");
  const sections = text.split(/^-{80}$/m).slice(1);
  return sections.map((section) => [section, required(/^\n(\S+ \S+) \(/.exec(section)?.[1])]);
}

const asked = ["Who wrote it?", "--text", "Mary Shelley wrote it."];

/** Runs the installed command, without the words of npm. */
async function fusebert(...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return run("npx", ["--no-install", "--loglevel=error", "fusebert", ...args], inApp());
}

/** Makes a folder in the application's node_modules, and removes it on disposal. */
async function beside(name: string, make: (folder: string) => Promise<void>): Promise<AsyncDisposable> {
  const folder = join(app, "node_modules", name);
  await make(folder);
  return { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

/** A package that fails when it is imported, as one without a build for this machine does. */
const broken = (message: string) => async (folder: string) => {
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "broken", version: "1.0.0", main: "index.js" }));
  await writeFile(join(folder, "index.js"), `throw new Error(${JSON.stringify(message)});`);
};

function inApp() {
  return { cwd: app, env: { ...freshEnvironment(), NO_COLOR: "1" } };
}

/** Without what npm tells the scripts that it runs, of which this test is part: a person's shell has none of it. */
function freshEnvironment(): NodeJS.ProcessEnv {
  const inherited =
    /^(?:npm_(?:command|execpath|lifecycle_|package_|config_(?:local_prefix|ignore_scripts))|INIT_CWD$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !inherited.test(name)));
}
