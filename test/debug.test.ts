/** FUSEBERT_DEBUG: reports on standard error, of runs on the software GPU and of a large GPU's tiles. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bertBase } from "../src/architectures/bert/bert-base.ts";
import { bertForQuestionAnswering } from "../src/architectures/bert/program.ts";
import { loadFamilies } from "../src/engines/webgpu/kernels/families.ts";
import type { PlanLimits, TileSource } from "../src/engines/webgpu/plan/kernel-plan.ts";
import { type LoweredKernel, lowerToWgsl } from "../src/engines/webgpu/plan/lower.ts";
import { persistentTiles } from "../src/engines/webgpu/plan/persistent-tiles.ts";
import { Placement } from "../src/engines/webgpu/plan/placement.ts";
import { type TunedTile, tileSourceOf } from "../src/engines/webgpu/plan/tuned-tiles.ts";
import { type DebugLevel, DebugReport } from "../src/engines/webgpu/trace/debug-report.ts";
import { selectOutputs } from "../src/program/program.ts";
import { packSequences } from "../src/rewrites/pack-sequences.ts";
import { scheduleAt } from "../src/schedule/levels.ts";
import { runCommand } from "./support/command.ts";
import { required } from "./support/golden.ts";
import { writeSmallModel } from "./support/small-model.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

await loadFamilies({ tensorCores: true });

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-debug-"));
  model = await writeSmallModel(join(folder, "model"));
});
afterAll(() => rm(folder, { recursive: true }));

function answer(debug: string, device: string, ...args: readonly string[]) {
  const all = ["answer", "Who?", "--text", "Mary Shelley wrote it.", "--model", model, "--device", device, ...args];
  return runCommand(all, { env: { FUSEBERT_DEBUG: debug } });
}

describe.skipIf(softwareGpuMissing !== undefined)("a run on the software GPU", () => {
  const skip = ["--skip-self-test"];

  test("is reported in the detail of the value, and answers stay the same", async () => {
    const plain = await answer("", "webgpu", ...skip);
    expect(plain).toMatchObject({ code: 0, stderr: "" });
    expect(await answer("0", "webgpu", ...skip)).toEqual(plain);
    const [one, two, three, four] = await Promise.all(
      ["1", "2", "3", "4"].map((level) => answer(level, "webgpu", ...skip)),
    );
    for (const result of [one, two, three, four]) {
      expect(result).toMatchObject({ code: 0, stdout: plain.stdout });
      expect(result?.stderr).toMatch(/^fusebert debug: run 0, \d+ tokens, .*, f32, O4: 9 kernels, /);
      expect(result?.stderr).toMatch(
        /^ {2}3 layer\.0\.matmul\.1: .* GFLOP\/s, .* GB\/s; \d+ × 8; matmul \+ bias \+ residual$/m,
      );
    }
    const parts = [
      /^ {2}total of 5 matmul: /m,
      /^ {2}host: prepare inputs .* wait /m,
      /^ {4}tile of a matmul: tileM \d+/m,
      /^ {6}@compute/m,
    ];
    const found = [one, two, three, four].map((result) => parts.map((part) => part.test(result?.stderr ?? "")));
    expect(found).toEqual([
      [false, false, false, false],
      [true, true, false, false],
      [true, true, true, false],
      [true, true, true, true],
    ]);
  });

  test("can be traced at the same time", async () => {
    const file = join(folder, "trace.json");
    const { code, stderr } = await answer("1", "webgpu", ...skip, "--trace", file);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("fusebert debug: run 0") });
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ otherData: { runs: 1 } });
  });
});

test("an unknown value is refused, and the CPU ignores every value", async () => {
  for (const value of ["5", "yes", "1.5"]) {
    const { code, stderr } = await answer(value, "webgpu");
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `fusebert: FUSEBERT_DEBUG is "${value}"; expected 1, 2, 3 or 4.\n`,
    });
  }
  expect(await answer("1", "cpu")).toMatchObject({ code: 0, stderr: "" });
});

describe("tiles are reported with their reason", () => {
  const program = selectOutputs(bertForQuestionAnswering({ ...bertBase, layers: 1 }), ["start_logits", "end_logits"]);
  const schedule = scheduleAt(required(packSequences(program)), "O4");
  const placement = new Placement(schedule, "f16");
  const large: PlanLimits = { workgroupMemory: 48 * 1024, workgroupSize: 1024, tensorCores: true };

  function reportOf(limits: PlanLimits, maxRows = 768, level: DebugLevel = 3): string {
    const kernels: readonly LoweredKernel[] = lowerToWgsl(schedule, placement, limits, maxRows);
    let text = "";
    const report = new DebugReport(level, (lines) => {
      text += lines;
    });
    const traced = { device: "a GPU", precision: "f16", level: "O4", program: schedule.program, placement } as const;
    const extents = new Map([["tokens", 300] as const]);
    const run = { program: traced, kernels, extents, visiblePairs: 90_000, times: undefined, host: [] };
    report.onTrace(run);
    report.onTrace(run);
    return text;
  }

  const tuned = (splitK: number): TileSource => {
    const tile = {
      tileM: 32,
      tileN: 64,
      tileK: 32,
      subgroupGrid: [1, 2, 1],
      prefetchStages: 1,
      splitK,
    };
    const entry: TunedTile = { family: "tensor-matmul", precision: "f16", shape: [768, 2304], maxRows: 768, tile };
    return tileSourceOf({ tiles: [entry] } as never, "f16");
  };

  test("default, without times", () => {
    const text = reportOf(large);
    expect(text).toMatch(/^fusebert debug: run 0, 300 tokens, a GPU, f16, O4: 9 kernels, no times: /);
    expect(text).toMatch(/^ {2}1 layer\.0\.matmul\.0: - ms, - GFLOP\/s, - GB\/s; 300 × 2304; matmul \+ bias$/m);
    expect(text).toMatch(/tile of a tensor-matmul: tileM \d+, .*; default, for up to 768 rows$/m);
    expect(text).toMatch(/tile of a tensor-attention: queries \d+, .*; default, for up to 768 rows$/m);
  });

  test("tuned, and tuned but not valid", () => {
    const text = reportOf({ ...large, tiles: tuned(1) });
    expect(text).toMatch(/tileM 32, tileN 64, tileK 32, subgroupGrid 1×2×1, .*; tuned, for up to 768 rows$/m);
    expect(reportOf({ ...large, tiles: tuned(2) })).toMatch(
      /; default; the tuned one is not valid here, for up to 768 rows$/m,
    );
  });

  test("persistent, for all stages of a dispatch", () => {
    const persistent = { workgroups: 128, storageBuffers: 16, tiles: persistentTiles };
    const text = reportOf({ ...large, persistent });
    expect(text).toMatch(/layer\.0\.persistent\.0: .*(\n {4}tile of .*; persistent, for up to 768 rows){3}/);
  });

  test("with every source once", () => {
    const text = reportOf(large, 768, 4);
    expect(text.match(/^ {4}source:$/gm)?.length).toBeGreaterThan(5);
    expect(text.match(/^ {4}source: as of layer\.0\.matmul\.0$/gm)).toHaveLength(1);
  });
});
