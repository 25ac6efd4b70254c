/**
 * Replay: that a change of generated kernels is found, shown and told from a change of names. A small part of what
 * `npm run replay` compares.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Comparison, compare } from "../tools/replay/compare.ts";
import { casesOf } from "../tools/replay/corpus.ts";
import type { GeneratedKernel } from "../tools/replay/fingerprint.ts";
import { withNamesOf, withoutNames } from "../tools/replay/names.ts";
import { load, save } from "../tools/replay/recording.ts";
import { report } from "../tools/replay/report.ts";
import { repositoryRoot } from "./support/golden.ts";

const selection = { only: "a single head of two, answers, O4, tensor cores", everything: false };
const { signal } = new AbortController();

let folder: string;
let recorded: string;
const file = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-replay-"));
  recorded = file("recorded");
  await save(recorded, selection, generate(), signal);
});
afterAll(() => rm(folder, { recursive: true }));

async function* generate(change = (kernel: GeneratedKernel) => [kernel]): AsyncGenerator<GeneratedKernel> {
  for (const { kernels } of casesOf(selection)) for (const some of kernels()) yield* some.flatMap(change);
}

const changeCode =
  (change: (code: string) => string) =>
  (kernel: GeneratedKernel): GeneratedKernel[] => [{ ...kernel, code: change(kernel.code) }];

async function compareWith(change: (kernel: GeneratedKernel) => GeneratedKernel[], ignoreNames = false) {
  return compare(recorded, await load(recorded, signal), generate(change), ignoreNames, signal);
}

const reportOf = (comparison: Comparison, ignoreNames = false, most = 20): string =>
  report(comparison, ignoreNames, most);

/** As the script of package.json does: tsx's own command would kill it before it has cleaned up after a signal. */
const start = (...args: readonly string[]) =>
  spawn(process.execPath, ["--import", "tsx", "tools/replay/main.ts", ...args], { cwd: repositoryRoot });

async function replay(...args: readonly string[]) {
  const child = start(...args);
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [code, stdout, stderr] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

describe("a recording", () => {
  test("differs in nothing from what the same sources generate again", async () => {
    const comparison = await compareWith((kernel) => [kernel]);
    expect(comparison.differences).toEqual([]);
    expect(comparison.kernels).toBeGreaterThan(50);
    expect(reportOf(comparison)).toBe(`Nothing differs: ${comparison.kernels} kernels.\n`);
  });

  test("has tensor cores, persistent kernels and every precision", () => {
    const names = casesOf({ only: undefined, everything: false }).map(({ name }) => name);
    expect(names).toContain("BERT-base, answers, O4, persistent");
    expect(names).toContain("BERT-base, tensor cores");
    expect(new Set(names).size).toBe(names.length);
  });

  test("is not left half written when it is interrupted", async () => {
    const stop = new AbortController();
    const kernels = generate((kernel) => {
      stop.abort();
      return [kernel];
    });
    await expect(save(file("interrupted"), selection, kernels, stop.signal)).rejects.toThrow("aborted");
    expect(await readdir(folder)).not.toContainEqual(expect.stringContaining("interrupted"));
  });

  test("that is absent or damaged is refused", async () => {
    await expect(load(file("none"), signal)).rejects.toThrow(/there is no recording .*; expected one from before/);
    await writeFile(file("damaged"), "{}");
    await expect(load(file("damaged"), signal)).rejects.toThrow(/no whole recording/);
  });
});

describe("what differs", () => {
  test("a number in all kernels is one diff, with their count", async () => {
    const comparison = await compareWith(changeCode((code) => code.replace("@binding(0)", "@binding(9)")));
    const shown = reportOf(comparison);
    expect(comparison.differences).toHaveLength(comparison.kernels);
    expect(shown).toContain(`Of ${comparison.kernels} kernels, ${comparison.kernels} changed, 0 new, 0 gone.`);
    expect(shown).toContain(`${comparison.kernels} kernels changed so, in `);
    expect(shown).toContain("\n-@group(0) @binding(0) var<uniform> extents: Extents;\n+@group(0) @binding(9) ");
  });

  test("a dispatch, with the same source", async () => {
    const comparison = await compareWith((kernel) => [
      { ...kernel, launch: kernel.launch.replace(/^workgroups 1×/m, "workgroups 2×") },
    ]);
    expect(reportOf(comparison)).toMatch(/^-workgroups 1×.*\n\+workgroups 2×/m);
  });

  test("kernels that are new or gone", async () => {
    const isLast = ({ place }: GeneratedKernel) => place.endsWith(", kernel 8");
    const without = await compareWith((kernel) => (isLast(kernel) ? [] : [kernel]));
    expect(reportOf(without)).toMatch(/ 0 changed, 0 new, [1-9]\d* gone\.\n\nGone:\n {2}a single head/);
    const more = await compareWith((kernel) => [kernel, { ...kernel, place: `${kernel.place}a` }]);
    expect(reportOf(more)).toMatch(/ 0 changed, [1-9]\d* new, 0 gone\.\n\nNew:\n {2}a single head.*a\n/);
  });

  test("kinds of change beyond those shown are counted", async () => {
    const comparison = await compareWith(changeCode((code) => `${code}// ${code.length % 2 ? "odd" : "even"}\n`));
    expect(reportOf(comparison, false, 1)).toContain("1 more kind of change not shown: --most 2 shows all.");
  });
});

describe("--ignore-names", () => {
  const rename = (code: string): string => code.replaceAll("extents", "lengths").replaceAll("local_index", "own_index");

  test("takes renamed kernels for the same, and a changed number for different", async () => {
    expect((await compareWith(changeCode(rename))).differences).not.toEqual([]);
    const renamed = await compareWith(changeCode(rename), true);
    expect(reportOf(renamed, true)).toMatch(/^Nothing differs, names aside: /);
    const changed = await compareWith(
      changeCode((code) => rename(code).replace("@binding(0)", "@binding(9)")),
      true,
    );
    expect(changed.differences).toHaveLength(changed.kernels);
    // Under the old names: only the number is a difference.
    expect(reportOf(changed, true)).toContain("+@group(0) @binding(9) var<uniform> extents: Extents;");
    expect(reportOf(changed, true)).not.toContain("own_index");
  });

  test.each([
    ["let a = 1u; let b = a.x;", "let c = 1u; let d = c.x;", true],
    ["let a = b + 1u; // why", "let c = b + 1u;", true],
    ["fn f(x: u32) -> u32 { return min(x, 3u); }", "fn g(y: u32) -> u32 { return min(y, 3u); }", true],
    ["fn f(@builtin(workgroup_id) a: u32) {}", "fn f(@builtin(workgroup_id) workgroup_id: u32) {}", true],
    ["var<workgroup> a: array<f32, 4>;", "var<workgroup> b: array<f32, 4>;", true],
    ["let a = 1u;", "let a = 2u;", false],
    ["let a = 1u; let b = a.x;", "let a = 1u; let b = a.y;", false],
    ["let a = 1u; let b = 2u; f(a);", "let a = 1u; let b = 2u; f(b);", false],
    ["let a = max(1u, 2u);", "let a = min(1u, 2u);", false],
    ["@builtin(workgroup_id)", "@builtin(num_workgroups)", false],
    ["var<workgroup> a: array<f32, 4>;", "var<workgroup> a: array<f16, 4>;", false],
    ["if (a) {\n}", "if (a) {}", false],
  ])("%s and %s are the same: %s", (one, other, same) => {
    expect(withoutNames(one) === withoutNames(other)).toBe(same);
    expect(withNamesOf(one, other) === withNamesOf(one, one)).toBe(same);
  });
});

test("the command says what differs by its exit code", async () => {
  const same = await replay("compare", recorded);
  expect(same).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^Nothing differs/) });
  const other = file("other");
  await save(other, selection, generate(changeCode((code) => code.replace("@binding(0)", "@binding(9)"))), signal);
  const differs = await replay("compare", other);
  expect(differs).toMatchObject({ code: 1, stdout: expect.stringContaining("-@group(0) @binding(9)") });
  expect((await replay("compare", file("none"))).code).toBe(2);
  expect((await replay("repeat")).code).toBe(2);
});

test("the command stops at Ctrl-C and leaves no file", async () => {
  const path = join(folder, "stopped", "all");
  const child = start("save", path);
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  await vi.waitFor(async () => expect(await readdir(join(folder, "stopped"))).toHaveLength(1), { timeout: 600_000 });
  child.kill("SIGINT");
  expect(await closed).toBe(130);
  expect(await readdir(join(folder, "stopped"))).toEqual([]);
});
