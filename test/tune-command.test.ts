/**
 * `fusebert tune` from end to end on the software GPU, with a tiny model and few candidates, and what the engine makes of it.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { parseConfig } from "../src/checkpoint/config.ts";
import { GpuDevice } from "../src/engines/webgpu/gpu-device.ts";
import type { RunTrace } from "../src/engines/webgpu/tracing.ts";
import { makeTunedTiles, type TunedTile, type TunedTiles } from "../src/engines/webgpu/tuned-tiles.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import type { GpuEngineOptions } from "../src/platform/platform.ts";
import { QuestionAnswerer } from "../src/question-answerer.ts";
import type { TuningResult } from "../src/tune/contest.ts";
import { keepTiles } from "../src/tune/node/tile-cache.ts";
import { planTuning } from "../src/tune/plan.ts";
import { type RefusedTile, tune } from "../src/tune/tune.ts";
import { type CommandResult, runCommand } from "./support/command.ts";
import { writeSmallModel } from "./support/small-model.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

const unhurried = fileURLToPath(new URL("support/unhurried-dawn.mjs", import.meta.url));

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
  return runCommand(["tune", "--model", model, ...args], { env, nodeArgs: ["--import", unhurried] });
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
    readonly usual: { readonly us: number };
    readonly best: { readonly tile: unknown; readonly us: number };
    readonly gain: number;
  }[];
}

describe.skipIf(softwareGpuMissing !== undefined)("fusebert tune", () => {
  test("measures the matmuls of a model, and keeps what it says", { timeout: 120_000 }, async () => {
    const { code, stdout, stderr } = await runTune("a", "--rows", "40", "--candidates", "1", "--json");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect([report.schema, report.isComplete, report.refused]).toEqual(["fusebert.tune/1", true, []]);
    expect(report.measured.map(({ shape }) => shape)).toEqual([
      [8, 24],
      [8, 8],
      [8, 16],
      [16, 8],
    ]);
    for (const { kind, rows, usual, best, gain } of report.measured) {
      expect([kind, rows]).toEqual(["matmul", 40]);
      expect(best.us).toBeGreaterThan(0);
      expect(usual.us).toBeGreaterThanOrEqual(best.us);
      expect(gain).toBeCloseTo(usual.us / best.us - 1);
    }
    const kept = JSON.parse(await readFile(report.cache, "utf8")) as TunedTiles;
    expect(kept.tiles.map(({ tile }) => tile)).toEqual(report.measured.map(({ best }) => best.tile));
    expect(kept.tiles.every(({ mostRows }) => mostRows === 1024)).toBe(true);
  });

  test("says what it would measure, warns of a damaged cache, and forgets", async () => {
    const { stdout } = await runTune("b", "--dry-run", "--json");
    const { cache, planned } = JSON.parse(stdout) as { readonly cache: string; readonly planned: readonly unknown[] };
    expect(planned).toHaveLength(4);
    const none = await runTune("b", "--reset");
    expect([none.code, none.stdout]).toEqual([0, "There was nothing to forget.\n"]);
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "b"));
    await keepTiles(await identity(), []);
    await writeFile(cache, "{");
    const damaged = await runTune("b", "--dry-run");
    expect(damaged.stderr).toMatch(/\.json is no JSON: it is not used\./);
    expect(damaged.stdout).toMatch(/8 × 24 +384 {2}32×32×16×1 4·4 +\d+ others/);
    for (const line of damaged.stdout.split("\n")) expect([...line].length).toBeLessThanOrEqual(80);
    const reset = await runTune("b", "--reset");
    expect([reset.code, reset.stdout]).toEqual([0, "Forgotten: the usual tiles are used again.\n"]);
  });

  test("stops at Ctrl-C", { timeout: 60_000 }, async () => {
    const env = { XDG_CACHE_HOME: join(folder, "c") };
    const { code, stderr } = await runCommand(["tune", "--model", model], { env, interruptAfterMs: 4000 });
    expect(stderr).toMatch(/interrupted/);
    expect(code).toBe(130);
  });

  test.each([
    [["--rows", "40,x"], /--rows.*whole numbers/],
    [["--rows", "40,50"], /40 and 50 rows are of one class of size/],
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

/** Of query, key and value of the small model. */
const tuned: TunedTile = {
  kind: "matmul",
  precision: "f32",
  shape: [8, 24],
  mostRows: 1024,
  tile: { rows: 16, columns: 32, depth: 16, parts: 1, own: [2, 4] },
};

/** @returns the source of each kernel of a run. */
async function sourcesWith(gpu: GpuEngineOptions): Promise<string[]> {
  const runs: RunTrace[] = [];
  const options = { precision: "f32", skipSelfTest: true, onTrace: (run: RunTrace) => runs.push(run), ...gpu } as const;
  const answerer = await QuestionAnswerer.load(model, { device: "webgpu", gpu: options });
  await answerer.answer({ question: "Who?", context: "Nobody." });
  await answerer.dispose();
  return (runs[0]?.kernels ?? []).map(({ code }) => code);
}

describe.skipIf(softwareGpuMissing !== undefined)("the engine", () => {
  test("uses what the cache holds, or what it is given, or the usual tiles", { timeout: 120_000 }, async () => {
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "e"));
    const gpu = await identity();
    const usual = await sourcesWith({});
    await keepTiles(gpu, [tuned]);
    const other = { ...tuned, tile: { ...tuned.tile, own: [4, 4] as [number, number], rows: 64 } };
    const [cached, refused, given, foreign] = [
      await sourcesWith({}),
      await sourcesWith({ tiles: "default" }),
      await sourcesWith({ tiles: makeTunedTiles(gpu, [other]) }),
      await sourcesWith({ tiles: makeTunedTiles({ ...gpu, device: "another" }, [other]) }),
    ];
    expect([refused, foreign]).toEqual([usual, usual]);
    for (const [sources, rows] of [
      [cached, 16],
      [given, 64],
    ] as const) {
      expect(sources.map((code, index) => code !== usual[index])).toEqual(usual.map((_, index) => index === 1));
      expect(sources[1]).toContain(`let first_row = group.y * ${rows}u;`);
    }
  });
});

describe.skipIf(softwareGpuMissing !== undefined)("the search", () => {
  test("goes on without a tile that is refused, and without one that loses the device", {
    timeout: 120_000,
  }, async () => {
    const config = parseConfig(await readFile(join(model, "config.json"), "utf8"));
    const first = await GpuDevice.open(await loadDawn());
    const limits = first.kernelLimits;
    first.destroy();
    const whole = planTuning({ config, precision: "f32", mostCandidates: 4, rows: [40] }, limits);
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
          // The usual tile is the first.
          if (descriptor.label?.startsWith("1 ") && ++tiled === 3 && toRefuse) {
            toRefuse = false;
            return Promise.reject(new Error("made up"));
          }
          return compile(descriptor);
        };
        return device;
      },
      onProgress: (done) => {
        if (opened === 1 && done === 5) device?.destroy();
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
