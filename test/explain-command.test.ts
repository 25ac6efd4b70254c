/**
 * `fusebert explain` as users run it: table, JSON, page, bad options.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type {
  KernelDescription,
  Memory,
  SubprogramDescription,
  Totals,
} from "../src/engines/webgpu/explain/describe.ts";
import { runCommand } from "./support/command.ts";
import { goldenFolder } from "./support/golden.ts";

interface Report {
  readonly schema: string;
  readonly level: string;
  readonly kernels: readonly KernelDescription[];
  readonly subprograms: readonly SubprogramDescription[];
  readonly totals: Totals;
  readonly memory: Memory;
  readonly ladder: readonly { readonly level: string; readonly totals: Totals }[];
}

let folder: string;
const file = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-explain-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function explainJson(...args: readonly string[]): Promise<Report> {
  const { code, stdout, stderr } = await runCommand(["explain", "--json", ...args]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout) as Report;
}

describe("the table", () => {
  // Which layers are shown does not depend on the level: the shortest and the longest table have all of them, too.
  test.each([["O0"], ["O1"], ["O2"], ["O3"], ["O4"], ["O0", "--all-layers"], ["O3", "--all-layers"]])(
    "of %s %s fits 80 columns, and collapses equal layers unless all are asked for",
    async (level, ...more) => {
      const { code, stdout, stderr } = await runCommand(["explain", "--level", level, ...more]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      for (const line of stdout.split("\n")) expect([...line].length).toBeLessThanOrEqual(80);
      expect(stdout).not.toContain("\u001b[");
      expect(/^layers \d+–11 /m.test(stdout)).toBe(more.length === 0);
      expect(/^layer 11 /m.test(stdout)).toBe(more.length > 0);
      expect(stdout).toMatch(/^ *all kernels +\d+ /m);
    },
  );

  test("is coloured with FORCE_COLOR", async () => {
    const { stdout } = await runCommand(["explain"], { env: { NO_COLOR: "", FORCE_COLOR: "1" } });
    expect(stdout).toContain("\u001b[");
  });

  test("is explained by --help", async () => {
    const { code, stdout } = await runCommand(["explain", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Examples:[\s\S]*fusebert explain --html/);
    expect(stdout).toMatch(/O3 {2}LayerNorm is folded/);
  });
});

describe("JSON", () => {
  test.each([
    ["O2", 7],
    ["O3", 5],
    ["O4", 7],
  ])("of %s has %i kernels a layer, and its totals add up", async (level, perLayer) => {
    const { schema, kernels, totals, ladder, ...report } = await explainJson("--level", level, "--tokens", "100");
    expect([schema, report.level]).toEqual(["fusebert.explain/1", level]);
    for (let layer = 0; layer < 12; layer++) {
      expect(kernels.filter((kernel) => kernel.layer === layer)).toHaveLength(perLayer);
    }
    const sum = (of: (kernel: KernelDescription) => number) => kernels.reduce((total, kernel) => total + of(kernel), 0);
    expect(totals.kernels).toBe(kernels.length);
    expect(totals.flops).toBe(sum(({ flops }) => flops));
    expect(totals.bytes).toEqual({
      weights: sum(({ bytes }) => bytes.weights),
      vectors: sum(({ bytes }) => bytes.vectors),
      activations: sum(({ bytes }) => bytes.activations),
      written: sum(({ bytes }) => bytes.written),
    });
    expect(ladder.map((rung) => rung.level)).toEqual(["O0", "O1", "O2", "O3", "O4"]);
    expect(ladder.find((rung) => rung.level === level)?.totals).toEqual(totals);
  });

  test("of O4 has two subprograms per layer with all its kernels, and so has the table", async () => {
    const { kernels, subprograms } = await explainJson("--level", "O4");
    const names = Array.from({ length: 12 }, (_, layer) => [
      `layer.${layer}.fused_attn`,
      `layer.${layer}.fused_feedforward`,
    ]);
    expect(subprograms.map(({ name }) => name)).toEqual(names.flat());
    for (const { subprogram, layer } of kernels) {
      expect(subprogram === null).toBe(layer === null);
      if (subprogram !== null) expect(subprogram).toMatch(new RegExp(`^layer\\.${layer}\\.`));
    }
    const flops = kernels.filter(({ layer }) => layer !== null).reduce((sum, kernel) => sum + kernel.flops, 0);
    expect(subprograms.reduce((sum, { totals }) => sum + totals.flops, 0)).toBe(flops);
    const { stdout } = await runCommand(["explain", "--level", "O4"]);
    expect(stdout).toMatch(/^ {2}fused_attn {2}4 kernels each, [\s\S]*^ {2}fused_feedforward {2}3 kernels each, /m);
  });

  test("of BERT-base at 384 tokens, from config.json alone, has 70.7 GFLOP", async () => {
    const config = {
      model_type: "bert",
      vocab_size: 30_522,
      hidden_size: 768,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      intermediate_size: 3072,
    };
    await writeFile(file("config.json"), JSON.stringify(config));
    const { totals } = await explainJson("--model", folder);
    const [n, h] = [384, 768];
    const byHand = 12 * (2 * 12 * n * h * h + 4 * n * n * h) + 4 * n * h;
    expect(byHand / 1e9).toBeCloseTo(70.7, 1);
    expect(totals.flops / byHand).toBeGreaterThan(1);
    expect(totals.flops / byHand).toBeLessThan(1.01);
  });
});

describe("--wgsl", () => {
  const sourceOf = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(["explain", "--wgsl", ...args]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };

  test("prints a kernel's source, by index and by name in the JSON", async () => {
    const { kernels } = await explainJson("--level", "O3");
    expect(new Set(kernels.map(({ name }) => name)).size).toBe(kernels.length);
    const { index, name } = kernels.find(({ kind }) => kind === "attention") as KernelDescription;
    expect(name).toBe("layer.0.attention.0");
    const source = await sourceOf(name, "--level", "O3");
    expect(source).toMatch(/^struct Extents \{[\s\S]*@compute @workgroup_size\([\s\S]*exp\([\s\S]*\n\}\n$/);
    expect(await sourceOf(String(index), "--level", "O3")).toBe(source);
  });

  test("honours level, precision and model", async () => {
    const matmul = "layer.0.matmul.0";
    const sources = await Promise.all([
      sourceOf(matmul),
      sourceOf(matmul, "--level", "O0"),
      sourceOf(matmul, "--precision", "f16"),
      sourceOf(matmul, "--model", join(goldenFolder, "random-odd"), "--tokens", "80"),
    ]);
    expect(new Set(sources).size).toBe(sources.length);
    expect(sources[2]).toMatch(/^enable f16;/);
  });

  test.each(["attention", "layer.12.matmul.0", "-1", "86", "1e1", ""])(
    "of %j, which does not exist, lists the kernels",
    async (kernel) => {
      const { code, stdout, stderr } = await runCommand(["explain", `--wgsl=${kernel}`]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(
        /expected an index from 0 to 85, or a name: embeddings.row-reduction.0, layer.0 to 11.matmul.0 to 3, /,
      );
    },
  );

  test("a former name of a kernel means the same one", async () => {
    const run = (name: string) => runCommand(["explain", "--wgsl", name]);
    const [former, now] = [await run("embeddings.rows.0"), await run("embeddings.row-reduction.0")];
    expect(former).toEqual(now);
    expect(now.code).toBe(0);
  });

  test("conflicts with --json", async () => {
    const { code, stderr } = await runCommand(["explain", "--wgsl", "0", "--json"]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(/cannot be used with option/) });
  });
});

test("the page is one self-contained file with a graph for each level", async () => {
  const path = file("levels.html");
  const { code } = await runCommand(["explain", "--html", path]);
  expect(code).toBe(0);
  const page = await readFile(path, "utf8");
  expect(page.match(/<svg class="graph"/g)).toHaveLength(5);
  expect(page).toContain("O3: 7 kernels");
  expect(page).toContain("<title>kernel 1: matmul, of layer.0.fused_attn\n");
  expect(page).toMatch(/<title>kernel 4: matmul\nLayerNorm \+ matmul \+ bias \+ GELU/);
  expect(page).not.toMatch(/<script|https?:|NaN|undefined/);
});

describe("an error is reported in one line", () => {
  test.each([
    [["--level", "O5"], /--level.*O5.*Allowed choices are O0, O1, O2, O3, O4/],
    [["--precision", "f8"], /--precision.*f8.*Allowed choices are f32, f16, f16-storage/],
    [["--tokens", "0"], /--tokens.*whole number of at least 1/],
    [["--tokens", "600"], /--tokens is 600; expected at most 512/],
    [["--model", "./nowhere"], /nowhere/],
    [["--html", "/nowhere/levels.html"], /cannot be written/],
    [["--layer", "3"], /unknown option/],
  ])("%j", async (args, says) => {
    const { code, stdout, stderr } = await runCommand(["explain", ...args]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(says);
  });
});
