/**
 * The search for the best tiles on this GPU: for each kernel every candidate is compiled, timed shortly, and the best few,
 * once they are seen to compute what the default tile computes, are timed at length, in turns with the default one.
 *
 * Kernels that come later are compiled while the first are timed. A candidate that the driver refuses, or with which the
 * device is lost, is left out, and the search goes on.
 *
 * Must stay true: what is told as found computed right here, and is never slower than the default tile.
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

/** A tile that was left out. */
export interface RefusedTile {
  readonly tile: Tile;
  readonly reason: string;
}

export interface TuningHooks {
  readonly signal: AbortSignal;
  /** Opens the device; again whenever it was lost. */
  readonly open: () => Promise<GpuDevice>;
  readonly onProgress: (done: number, total: number) => void;
  readonly onResult: (result: TuningResult) => Promise<void>;
  readonly onRefused: (subject: TuningSubject, refused: RefusedTile) => void;
}

/** Kernels compiled at the same time. */
const compiledTogether = 8;
/** Devices that may be lost. */
const maxLosses = 5;
/** @throws EngineError for a device that fails for other reasons than a candidate; the signal's reason. */
export async function tune(plan: TuningPlan, hooks: TuningHooks): Promise<void> {
  const search = new Search(plan, hooks);
  try {
    for (const subject of plan.subjects) await search.measure(subject);
  } finally {
    search.close();
  }
}

/** A device with the program on it, and the candidates being compiled for it. */
interface Session {
  readonly device: GpuDevice;
  readonly rig: KernelRig;
  readonly compiling: ReadonlyMap<TuningSubject, readonly Promise<Candidate | undefined>[]>;
  readonly stop: AbortController;
}

class Search {
  readonly #plan: TuningPlan;
  readonly #hooks: TuningHooks;
  /** By subject: never tried again. */
  readonly #refused = new Map<TuningSubject, Tile[]>();
  readonly #measured = new Map<TuningSubject, Set<TuningSize>>();
  readonly #total: number;
  #done = 0;
  #session: Session | undefined;
  #losses = 0;
  /** What the device is busy with. */
  #suspect: Tile | undefined;

  constructor(plan: TuningPlan, hooks: TuningHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#total = plan.subjects.reduce((sum, subject) => sum + stepsOf(subject), 0);
  }

  /** At all sizes; what was measured before a device was lost is not measured again. */
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
        if (!(error instanceof DeviceLostError) || ++this.#losses > maxLosses) throw error;
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
      const own = candidates.filter(({ tile }) => size.candidates.some((other) => isSame(tile, other)));
      const result = await new Benchmark({ plan: this.#plan, subject, size, rig }, this.#watch(subject)).run(own);
      measured.add(size);
      await this.#hooks.onResult(result);
    }
  }

  /** Opens the device, and begins to compile the candidates of a subject and of all after it. */
  async #start(first: TuningSubject): Promise<Session> {
    const { kernels, schedule, placement, layers, parameters, inputsFor, maxRows, subjects } = this.#plan;
    const device = await this.#hooks.open();
    try {
      const largest = inputsFor(Math.max(maxRows, checkedRows));
      const roomFor = subjects.flatMap((subject) =>
        subject.sizes.flatMap((size) => this.#inMostPartialSums(subject, size)),
      );
      const weights = randomTensors(parameters, true);
      const rig = await KernelRig.create(
        device,
        { program: schedule.program, placement, kernels, layers, roomFor },
        weights,
        largest,
      );
      const limit = pLimit(compiledTogether);
      const stop = new AbortController();
      const compiling = subjects.slice(subjects.indexOf(first)).map((subject) => {
        const own = tilesOf(subject).filter((tile) => !this.#isRefused(subject, tile));
        return [subject, own.map((tile) => limit(() => this.#compile(rig, subject, tile, stop.signal)))] as const;
      });
      return { device, rig, compiling: new Map(compiling), stop };
    } catch (error) {
      device.destroy();
      throw error;
    }
  }

  /** The kernel at a size, in the tile whose result takes the most room; none where no tile divides it. */
  #inMostPartialSums(subject: TuningSubject, { rows, defaultTile, candidates }: TuningSize): Lowering[] {
    const splitKOf = (tile: Tile): number => ("splitK" in tile ? Number(tile.splitK) : 1);
    const largest = candidates.reduce((best, tile) => (splitKOf(tile) > splitKOf(best) ? tile : best), defaultTile);
    if (splitKOf(largest) === 1) return [];
    // The rows by which tiles are checked may be more.
    return [{ maxRows: Math.max(rows, checkedRows), kernels: [lowerInTile(this.#plan, subject, largest)[0].kernel] }];
  }

  /** Never rejects: a device that was lost is noticed by whoever measures on it. */
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

  #watch(subject: TuningSubject): BenchmarkHooks {
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

/** What there is to do for a subject: candidates to compile, and to time at each size. */
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
