/**
 * The package as a person gets it: packed, installed into an empty folder, used from the shell, from JavaScript and
 * from TypeScript.
 *
 * npm takes what it can from its cache, which the repository's own installation has filled, and else from the registry.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerReport } from "../src/cli/answer/render.ts";
import { builtPackage } from "./support/build.ts";
import { repositoryRoot, required } from "./support/golden.ts";

const run = promisify(execFile);

/** The built-in model alone is 25.5 MB, and weights hardly compress. */
const largestTarball = 30e6;

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
  const top = await readdir(installed);
  expect(top).toEqual(expect.arrayContaining(["LICENSE", "README.md", "bin", "dist", "models", "package.json"]));
  const allowed = ["CHANGELOG.md", "LICENSE", "README.md", "bin", "dist", "docs", "models", "package.json"];
  expect(top.filter((name) => !allowed.includes(name))).toEqual([]);
  const files = await readdir(installed, { recursive: true });
  expect(files.filter((path) => /\.test\.|(?<!\.d)\.ts$|\.map$/.test(path))).toEqual([]);
  expect(files).toContain(join("models", "builtin", "model.safetensors"));
});

test("its command answers", async () => {
  const args = ["answer", "Who wrote it?", "--text", "Mary Shelley wrote it.", "--json"];
  const { stdout, stderr } = await run("npx", ["--no-install", "fusebert", ...args], inApp());
  expect((JSON.parse(stdout) as AnswerReport).answers[0]).toMatchObject({ text: "Mary Shelley", start: 0, end: 12 });
  expect(stderr.replace(/^npm warn .*\n/gm, "")).toBe("");
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

test("its declarations name nothing that only the package itself can resolve", async () => {
  const dist = join(app, "node_modules", "fusebert", "dist");
  const manifest = await readFile(join(dist, "..", "package.json"), "utf8");
  const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
  const declarations = (await readdir(dist, { recursive: true })).filter((path) => path.endsWith(".d.ts"));
  for (const path of declarations) {
    const text = await readFile(join(dist, path), "utf8");
    for (const [, name = ""] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      expect(name.startsWith(".") || name in dependencies, `${path} imports ${name}`).toBe(true);
    }
  }
});

/** Installs as people do whose computer reaches nothing but the registry: see the README. */
async function npm(...args: readonly string[]): Promise<void> {
  await run("npm", args, inApp());
}

function inApp() {
  return { cwd: app, env: { ...freshEnvironment(), ONNXRUNTIME_NODE_INSTALL: "skip", NO_COLOR: "1" } };
}

/** Without what npm tells the scripts that it runs, of which this test is part: a person's shell has none of it. */
function freshEnvironment(): NodeJS.ProcessEnv {
  const inherited =
    /^(?:npm_(?:command|execpath|lifecycle_|package_|config_(?:local_prefix|ignore_scripts))|INIT_CWD$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !inherited.test(name)));
}
