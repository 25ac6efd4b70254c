/** `fusebert tune` end to end on the software GPU, with a tiny model and few candidates, and the engine's use of its results. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { parseConfig } from "../src/architectures/bert/config.ts";
import { GpuDevice } from "../src/engines/webgpu/device/gpu-device.ts";
import { makeTunedTiles, type TunedTile, type TunedTiles } from "../src/engines/webgpu/plan/tuned-tiles.ts";
import type { RunTrace } from "../src/engines/webgpu/run/run-recording.ts";
import type { TuningResult } from "../src/engines/webgpu/tune/benchmark.ts";
import { keepTiles } from "../src/engines/webgpu/tune/node/tile-cache.ts";
import { type RefusedTile, tune } from "../src/engines/webgpu/tune/tune.ts";
import { planTuning } from "../src/engines/webgpu/tune/tuning-plan.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { createGpuEngine } from "../src/platform/node.ts";
import type { GpuEngineOptions } from "../src/platform/platform.ts";
import { gather, input, matmul, parameter, transpose } from "../src/program/build.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { type CommandResult, runCommand } from "./support/command.ts";
import { writeSmallModel } from "./support/small-model.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-tune-"));
  model = await writeSmallModel(join(folder, "model"));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

function runTune(cache: string, ...args: readonly string[]): Promise<CommandResult> {
  const env = { XDG_CACHE_HOME: join(folder, cache) };
  return runCommand(["tune", "--model", model, ...args], { env });
}

interface Report {
  readonly schema: string;
  readonly cache: string;
  readonly isComplete: boolean;
  readonly refused: readonly unknown[];
  readonly measured: readonly {
    readonly kind: string;
    readonly shape: readonly number[];
    readonly rows: number;
    readonly default: { readonly us: number };
    readonly usual: { readonly us: number };
    readonly best: { readonly tile: unknown; readonly us: number };
    readonly gain: number;
  }[];
}

describe.skipIf(softwareGpuMissing !== undefined)("fusebert tune", () => {
  test("measures a model's matmuls and attention, and stores the results it reports", async () => {
    const { code, stdout, stderr } = await runTune("a", "--rows", "40", "--candidates", "1", "--json");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect([report.schema, report.isComplete, report.refused]).toEqual(["fusebert.tune/1", true, []]);
    expect(report.measured.map(({ kind, shape }) => [kind, ...shape])).toEqual([
      ["matmul", 8, 24],
      ["attention", 4, 4],
      ["matmul", 8, 8],
      ["matmul", 8, 16],
      ["matmul", 16, 8],
    ]);
    for (const measured of report.measured) {
      const { rows, usual, best, gain } = measured;
      expect(measured.default).toEqual(usual);
      expect(rows).toBe(40);
      expect(best.us).toBeGreaterThan(0);
      expect(usual.us).toBeGreaterThanOrEqual(best.us);
      expect(gain).toBeCloseTo(usual.us / best.us - 1);
    }
    const kept = JSON.parse(await readFile(report.cache, "utf8")) as TunedTiles;
    // The report has former names beside the new ones.
    expect(report.measured.map(({ best }) => best.tile)).toMatchObject(kept.tiles.map(({ tile }) => tile));
    expect(kept.tiles.every(({ maxRows }) => maxRows === 192)).toBe(true);
  });

  test("lists what it would measure, warns of a damaged cache, and forgets tiles", async () => {
    const { stdout } = await runTune("b", "--dry-run", "--json");
    const { cache, planned } = JSON.parse(stdout) as { readonly cache: string; readonly planned: readonly unknown[] };
    // Four matmuls and an attention, for sequences of 128 and of 384 tokens.
    expect(planned).toHaveLength(10);
    const none = await runTune("b", "--reset");
    expect([none.code, none.stdout]).toEqual([0, "There was nothing to delete.\n"]);
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "b"));
    await keepTiles(await identity(), []);
    await writeFile(cache, "{");
    const damaged = await runTune("b", "--dry-run");
    expect(damaged.stderr).toMatch(/\.json is no JSON: it is not used\./);
    expect(damaged.stdout).toMatch(/8 × 24 +384 {2}32×32×16×1 4·4 +\d+ others/);
    for (const line of damaged.stdout.split("\n")) expect([...line].length).toBeLessThanOrEqual(80);
    const reset = await runTune("b", "--reset");
    expect([reset.code, reset.stdout]).toEqual([0, "Deleted: the default tiles are used again.\n"]);
  });

  test("stops at Ctrl-C", async () => {
    const env = { XDG_CACHE_HOME: join(folder, "c") };
    // The file for results is created before anything is measured.
    const tiles = join(env.XDG_CACHE_HOME, "fusebert", "tiles");
    const isThere = async (): Promise<boolean> => (await readdir(tiles).catch(() => [])).length > 0;
    const measuring = async (): Promise<void> => {
      while (!(await isThere())) await sleep(20);
    };
    const stop = { when: measuring(), signal: "SIGINT" } as const;
    const { code, stderr } = await runCommand(["tune", "--model", model], { env, stop });
    expect(stderr).toMatch(/interrupted/);
    expect(code).toBe(130);
  });

  test.each([
    [["--rows", "40,x"], /--rows.*whole numbers/],
    [["--rows", "40,50"], /40 and 50 rows are in one size class/],
    [["--candidates", "0"], /--candidates.*at least 1/],
    [["--precision", "f8"], /--precision.*f8.*Allowed choices/],
    [["--reset", "--dry-run"], /cannot be used with/],
  ])("refuses %j", async (args, says) => {
    const { code, stdout, stderr } = await runTune("d", ...args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(says);
  });
});

async function identity() {
  const device = await GpuDevice.open(await loadDawn());
  device.destroy();
  return device.identity;
}

/** Rows of a table times a weight: one kernel. */
const [table, weight] = [parameter("table", [16, 8]), parameter("weight", [24, 8])];
const product = matmul(gather(table, input("ids", ["tokens"], "integer")), transpose(weight, [1, 0]));

const tuned: TunedTile = {
  family: "matmul",
  precision: "f32",
  shape: [8, 24],
  maxRows: 192,
  tile: {
    tileM: 16,
    tileN: 32,
    tileK: 16,
    workgroupSplitK: 1,
    threadTile: [2, 4],
    prefetchStages: 1,
    layout: "k-contiguous",
    splitK: 1,
  },
};

/** @returns the source of a run's only kernel. */
async function sourceWith(options: GpuEngineOptions): Promise<string> {
  const runs: RunTrace[] = [];
  const engine = await createGpuEngine({
    precision: "f32",
    skipSelfTest: true,
    onTrace: (run) => runs.push(run),
    ...options,
  });
  const zeros = (shape: readonly number[]): Tensor<"f32"> => {
    return { dtype: "f32", shape, data: new Float32Array((shape[0] ?? 0) * (shape[1] ?? 0)) };
  };
  const shapes: Readonly<Record<string, readonly number[]>> = { table: [16, 8], weight: [24, 8] };
  const program = { outputs: new Map([["product", product]]) };
  const executable = await engine.compile(program, async (name) => zeros(shapes[name] ?? []));
  await executable.run(new Map([["ids", { dtype: "i32", shape: [2], data: Int32Array.of(0, 1) }]]));
  await executable.dispose();
  await engine.dispose();
  return runs[0]?.kernels.map(({ code }) => code).join() ?? "";
}

describe.skipIf(softwareGpuMissing !== undefined)("the engine", () => {
  test("uses cached tiles, given tiles, or default tiles", async () => {
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "e"));
    const gpu = await identity();
    const usual = await sourceWith({});
    await keepTiles(gpu, [tuned]);
    const other = { ...tuned, tile: { ...tuned.tile, threadTile: [4, 4], tileM: 64 } };
    expect(usual).toContain("let first_row = group.y * 32u;");
    expect(await sourceWith({})).toContain("let first_row = group.y * 16u;");
    expect(await sourceWith({ tiles: makeTunedTiles(gpu, [other]) })).toContain("let first_row = group.y * 64u;");
    expect(await sourceWith({ tiles: "default" })).toBe(usual);
    expect(await sourceWith({ tiles: makeTunedTiles({ ...gpu, device: "another" }, [other]) })).toBe(usual);
  });
});

describe.skipIf(softwareGpuMissing !== undefined)("the search", () => {
  test("skips a tile that is refused, and one that loses the device", async () => {
    const config = parseConfig(await readFile(join(model, "config.json"), "utf8"));
    const first = await GpuDevice.open(await loadDawn());
    const limits = first.kernelLimits;
    first.destroy();
    const whole = planTuning({ config, precision: "f32", maxCandidates: 3, rows: [40] }, limits);
    const plan = { ...whole, subjects: whole.subjects.slice(0, 1) };
    const results: TuningResult[] = [];
    const refused: RefusedTile[] = [];
    let opened = 0;
    let device: GpuDevice | undefined;
    let toRefuse = true;
    await tune(plan, {
      signal: new AbortController().signal,
      open: async () => {
        opened++;
        device = await GpuDevice.open(await loadDawn());
        const native = device.device;
        const compile = native.createComputePipelineAsync.bind(native);
        let tiled = 0;
        native.createComputePipelineAsync = (descriptor) => {
          // The default tile is the first.
          if (descriptor.label?.startsWith("1 ") && ++tiled === 3 && toRefuse) {
            toRefuse = false;
            return Promise.reject(new Error("made up"));
          }
          return compile(descriptor);
        };
        return device;
      },
      onProgress: (done) => {
        if (opened === 1 && done === 4) device?.destroy();
      },
      onResult: async (result) => void results.push(result),
      onRefused: (_, tile) => refused.push(tile),
    });
    expect(opened).toBe(2);
    expect(results).toHaveLength(1);
    expect(refused.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/made up/),
      expect.stringMatching(/was given back/),
    ]);
  });
});
