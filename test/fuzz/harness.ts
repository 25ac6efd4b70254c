/**
 * Reads mutated files by the thousand. Each must be read or be refused with a typed error, soon and without leaving
 * anything in memory. Seeds are fixed: a failure names its own, and can be repeated by it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getHeapStatistics } from "node:v8";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { FusebertError } from "../../src/errors.ts";
import { seededUniform } from "../../src/tensor/random.ts";
import { collectNow } from "../support/collect-garbage.ts";

/** Files of one kind. */
export interface FuzzKind {
  readonly name: string;
  /** A damaged file. */
  readonly mutate: (random: () => number) => Uint8Array;
  /**
   * Reads it, and checks what must hold of anything that is accepted.
   * @returns whether it was refused otherwise than by an error.
   */
  readonly read: (bytes: Uint8Array, random: () => number) => unknown;
}

/** What a reader returns that refuses without an error. */
export const REFUSED = Symbol("refused");

interface FuzzFigures {
  readonly kind: string;
  readonly runs: number;
  readonly read: number;
  readonly refused: number;
  readonly slowestMs: number;
  readonly peakHeapMB: number;
  /** Of the heap after collecting garbage, from the first quarter to the end. */
  readonly growthMB: number;
}

/** A test of every kind, with a cache of its own, and the figures as a table: heaps, and the slowest file of each kind. */
export function testKinds(kinds: readonly FuzzKind[], runs: number): void {
  const figures: FuzzFigures[] = [];
  let cache: string;
  beforeAll(() => {
    cache = mkdtempSync(join(tmpdir(), "fusebert-fuzz-"));
    vi.stubEnv("XDG_CACHE_HOME", cache);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(cache, { recursive: true });
    console.log(formatFigures(figures));
  });
  test.each(kinds)("mutated files: $name", async (kind) => {
    figures.push(await fuzz(kind, runs));
  });
}

/** Only what hangs: on a machine of its own the slowest takes a fifth of a second. */
const LONGEST_MS = 60_000;
const LONGEST_MESSAGE = 2000;
/** Caches and compiled code; a leak of a hundred bytes a file would be a megabyte in ten thousand. */
const MOST_GROWTH_MB = 8;

const heapMB = () => getHeapStatistics().used_heap_size / 1e6;

async function fuzz({ name, mutate, read }: FuzzKind, runs: number): Promise<FuzzFigures> {
  let [accepted, slowestMs, peakHeapMB, early] = [0, 0, 0, 0];
  for (let seed = 0; seed < runs; seed++) {
    if (seed === Math.floor(runs / 4)) {
      collectNow();
      early = heapMB();
    }
    const random = seededUniform(seed);
    const bytes = mutate(random);
    const started = performance.now();
    try {
      if ((await read(bytes, random)) !== REFUSED) accepted++;
    } catch (error) {
      checkError(error, `${name}, seed ${seed}`);
    }
    const ms = performance.now() - started;
    if (ms > LONGEST_MS) throw new Error(`${name}, seed ${seed}: took ${Math.round(ms)} ms`);
    slowestMs = Math.max(slowestMs, ms);
    peakHeapMB = Math.max(peakHeapMB, heapMB());
  }
  collectNow();
  const growthMB = heapMB() - early;
  expect(growthMB, `${name}: growth of the heap in MB`).toBeLessThan(MOST_GROWTH_MB);
  // Otherwise nothing is tested: damage that is always found at once, or never.
  expect(accepted, `${name}: files that were read`).toBeGreaterThan(runs / 100);
  expect(runs - accepted, `${name}: files that were refused`).toBeGreaterThan(runs / 100);
  return { kind: name, runs, read: accepted, refused: runs - accepted, slowestMs, peakHeapMB, growthMB };
}

function checkError(error: unknown, what: string): void {
  if (!(error instanceof FusebertError)) throw new Error(`${what}: ${String(error)}`, { cause: error });
  expect(error.message.length, `${what}: a message that can be read`).toBeLessThan(LONGEST_MESSAGE);
  // All of these files are in memory or on a disk.
  expect(error.message, what).not.toMatch(/download/i);
}

/** The figures as lines of a table. */
function formatFigures(figures: readonly FuzzFigures[]): string {
  const row = (cells: readonly string[]) =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(22) : cell.padStart(11))).join("");
  const head = row(["kind", "runs", "read", "refused", "slowest", "peak heap", "growth"]);
  const rows = figures.map(({ kind, runs, read, refused, slowestMs, peakHeapMB, growthMB }) =>
    row([
      kind,
      ...[runs, read, refused].map(String),
      `${slowestMs.toFixed(1)} ms`,
      `${peakHeapMB.toFixed(0)} MB`,
      `${growthMB.toFixed(1)} MB`,
    ]),
  );
  return [head, ...rows].join("\n");
}
