/**
 * Searches for the best tiles on this GPU. For each kernel every candidate is compiled and timed briefly; a shortlist whose
 * results match the default tile's is timed at length, alternating with it.
 *
 * Later kernels are compiled while earlier ones are timed. A candidate that the driver refuses, or that loses the device, is
 * skipped, and the search continues.
 *
 * Must stay true: a reported tile computed correctly on this GPU, and is not slower than the default tile.
 */
import pLimit from "p-limit";
import { messageOf } from "../../../errors.ts";
import { DeviceLostError } from "../device/device-health.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import type { Tile } from "../kernels/family.ts";
import type { Lowering } from "../plan/lower.ts";
import { Benchmark, type BenchmarkHooks, type Candidate, checkedRows, type TuningResult } from "./benchmark.ts";
import { isSame } from "./candidates.ts";
import { randomTensors } from "./synthetic-tensors.ts";
import { KernelRig } from "./time-kernel.ts";
import { lowerInTile, type TuningPlan, type TuningSize, type TuningSubject } from "./tuning-plan.ts";

export interface RefusedTile {
  readonly tile: Tile;
  readonly reason: string;
}

export interface TuningHooks {
  readonly signal: AbortSignal;
  /** Opens the device, at the start and after each loss. */
  readonly open: () => Promise<GpuDevice>;
  readonly onProgress: (done: number, total: number) => void;
  readonly onResult: (result: TuningResult) => Promise<void>;
  readonly onRefused: (subject: TuningSubject, refused: RefusedTile) => void;
}

const maxConcurrentCompiles = 8;
const maxLostDevices = 5;

/** @throws EngineError if the device fails for another reason than a candidate; the signal's reason. */
export async function tune(plan: TuningPlan, hooks: TuningHooks): Promise<void> {
  const search = new Search(plan, hooks);
  try {
    for (const subject of plan.subjects) await search.measure(subject);
  } finally {
    search.close();
  }
}

/** A device with the program, and the candidates being compiled for it. */
interface Session {
  readonly device: GpuDevice;
  readonly rig: KernelRig;
  readonly compiling: ReadonlyMap<TuningSubject, readonly Promise<Candidate | undefined>[]>;
  readonly stop: AbortController;
}

class Search {
  readonly #plan: TuningPlan;
  readonly #hooks: TuningHooks;
  readonly #refused = new Map<TuningSubject, Tile[]>();
  readonly #measured = new Map<TuningSubject, Set<TuningSize>>();
  readonly #total: number;
  #done = 0;
  #session: Session | undefined;
  #losses = 0;
  /** The tile that is refused if the device is lost now. */
  #suspect: Tile | undefined;

  constructor(plan: TuningPlan, hooks: TuningHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#total = plan.subjects.reduce((sum, subject) => sum + stepsOf(subject), 0);
  }

  /** Measures a subject at all sizes; after a lost device it continues with the size that was being measured. */
  async measure(subject: TuningSubject): Promise<void> {
    const before = this.#done;
    for (;;) {
      try {
        this.#done = before;
        await this.#measureOnce(subject);
        this.#done = before + stepsOf(subject);
        return;
      } catch (error) {
        this.#hooks.signal.throwIfAborted();
        if (!(error instanceof DeviceLostError) || ++this.#losses > maxLostDevices) throw error;
        if (this.#suspect !== undefined) this.#refuse(subject, this.#suspect, messageOf(error));
        this.close();
      }
    }
  }

  close(): void {
    this.#session?.stop.abort();
    this.#session?.device.destroy();
    this.#session = undefined;
  }

  async #measureOnce(subject: TuningSubject): Promise<void> {
    this.#suspect = undefined;
    this.#session ??= await this.#start(subject);
    const { rig, compiling } = this.#session;
    const candidates: Candidate[] = [];
    for (const each of compiling.get(subject) ?? []) {
      const candidate = await each;
      this.#hooks.signal.throwIfAborted();
      this.#advance();
      if (candidate !== undefined) candidates.push(candidate);
    }
    const measured = this.#measured.get(subject) ?? new Set();
    this.#measured.set(subject, measured);
    for (const size of subject.sizes) {
      if (measured.has(size)) continue;
      const sized = candidates.filter(({ tile }) => size.candidates.some((other) => isSame(tile, other)));
      const result = await new Benchmark({ plan: this.#plan, subject, size, rig }, this.#hooksFor(subject)).run(sized);
      measured.add(size);
      await this.#hooks.onResult(result);
    }
  }

  /** Opens the device, and starts compiling the candidates of a subject and of all later ones. */
  async #start(first: TuningSubject): Promise<Session> {
    const { kernels, schedule, placement, layers, parameters, inputsFor, maxRows, subjects } = this.#plan;
    const device = await this.#hooks.open();
    try {
      const largest = inputsFor(Math.max(maxRows, checkedRows));
      const roomFor = subjects.flatMap((subject) =>
        subject.sizes.flatMap((size) => this.#largestSplitK(subject, size)),
      );
      const parts = { program: schedule.program, placement, kernels, layers, roomFor };
      const rig = await KernelRig.create(device, parts, randomTensors(parameters, true), largest);
      const limit = pLimit(maxConcurrentCompiles);
      const stop = new AbortController();
      const compiling = subjects.slice(subjects.indexOf(first)).map((subject) => {
        const tiles = tilesOf(subject).filter((tile) => !this.#isRefused(subject, tile));
        return [subject, tiles.map((tile) => limit(() => this.#compile(rig, subject, tile, stop.signal)))] as const;
      });
      return { device, rig, compiling: new Map(compiling), stop };
    } catch (error) {
      device.destroy();
      throw error;
    }
  }

  /** The kernel at a size in the tile with the most partial sums; empty if no tile splits K. */
  #largestSplitK(subject: TuningSubject, { rows, defaultTile, candidates }: TuningSize): Lowering[] {
    const splitKOf = (tile: Tile): number => ("splitK" in tile ? Number(tile.splitK) : 1);
    const largest = candidates.reduce((best, tile) => (splitKOf(tile) > splitKOf(best) ? tile : best), defaultTile);
    if (splitKOf(largest) === 1) return [];
    // The run that checks tiles may have more rows.
    return [{ maxRows: Math.max(rows, checkedRows), kernels: [lowerInTile(this.#plan, subject, largest)[0].kernel] }];
  }

  /** Never rejects: the measurement reports a lost device. */
  async #compile(
    rig: KernelRig,
    subject: TuningSubject,
    tile: Tile,
    stopped: AbortSignal,
  ): Promise<Candidate | undefined> {
    if (stopped.aborted || this.#hooks.signal.aborted) return undefined;
    try {
      const kernels = lowerInTile(this.#plan, subject, tile);
      await rig.compile(kernels);
      return { tile, kernels };
    } catch (error) {
      if (!stopped.aborted && !(error instanceof DeviceLostError)) this.#refuse(subject, tile, messageOf(error));
      return undefined;
    }
  }

  #hooksFor(subject: TuningSubject): BenchmarkHooks {
    return {
      begin: (tile) => {
        this.#hooks.signal.throwIfAborted();
        this.#suspect = tile;
      },
      advance: () => this.#advance(),
      refuse: (tile, reason) => this.#refuse(subject, tile, reason),
    };
  }

  #advance(): void {
    this.#done++;
    this.#hooks.onProgress(Math.min(this.#done, this.#total), this.#total);
  }

  #refuse(subject: TuningSubject, tile: Tile, reason: string): void {
    if (this.#isRefused(subject, tile)) return;
    this.#refused.set(subject, [...(this.#refused.get(subject) ?? []), tile]);
    this.#hooks.onRefused(subject, { tile, reason });
  }

  #isRefused(subject: TuningSubject, tile: Tile): boolean {
    return this.#refused.get(subject)?.some((other) => isSame(tile, other)) === true;
  }
}

/** A subject's steps of progress: candidates to compile, and to time at each size. */
function stepsOf(subject: TuningSubject): number {
  return subject.sizes.reduce((sum, { candidates }) => sum + candidates.length, tilesOf(subject).length);
}

/** The candidates of all sizes, each once. */
function tilesOf({ sizes }: TuningSubject): Tile[] {
  const tiles: Tile[] = [];
  for (const tile of sizes.flatMap(({ candidates }) => candidates)) {
    if (!tiles.some((other) => isSame(tile, other))) tiles.push(tile);
  }
  return tiles;
}
