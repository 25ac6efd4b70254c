/**
 * Which kernels differ between a recording and what is generated now.
 *
 * A place may have many kernels, one per tile: those on both sides are the same, in any order; the rest is paired in order.
 */
import type { GeneratedKernel } from "./fingerprint.ts";
import { hashOf } from "./fingerprint.ts";
import { withoutNames } from "./names.ts";
import { type Fingerprint, loadSources, Places, type Recording } from "./recording.ts";

/** A kernel to compare and show. */
export interface Shown {
  readonly launch: string;
  readonly code: string;
}

export interface Difference {
  readonly place: string;
  /** Absent for a new kernel. */
  readonly before: Shown | undefined;
  /** Absent for one that is gone. */
  readonly after: Shown | undefined;
}

export interface Comparison {
  /** Of both sides together. */
  readonly kernels: number;
  readonly differences: readonly Difference[];
}

/** @param ignoreNames sources that differ in names alone are the same. */
export async function compare(
  path: string,
  recording: Recording,
  kernels: AsyncIterable<GeneratedKernel>,
  ignoreNames: boolean,
  signal: AbortSignal,
): Promise<Comparison> {
  const recorded = new Set([...recording.places.values()].flatMap((there) => [...there].map(({ hash }) => hash)));
  const places = new Places();
  const newSources = new Map<string, string>();
  for await (const { place, launch, code } of kernels) {
    const hash = hashOf(code);
    places.add(place, launch, hash);
    if (!recorded.has(hash)) newSources.set(hash, code);
  }
  const leftOvers = leftOversOf(recording.places, places.map, ({ launch, hash }) => `${hash}\n${launch}`);
  if (leftOvers.length === 0) return { kernels: kernelsIn(recording.places, places.map), differences: [] };
  const wanted = new Set(leftOvers.flatMap(({ before, after }) => [...before, ...after].map(({ hash }) => hash)));
  const sources = new Map([...(await loadSources(path, wanted, signal)), ...newSources]);
  const codeOf = ({ hash }: Fingerprint): string => sources.get(hash) ?? "";
  const plain = new Map<string, string>();
  const nameless = (fingerprint: Fingerprint): string => {
    const known = plain.get(fingerprint.hash) ?? hashOf(withoutNames(codeOf(fingerprint)));
    plain.set(fingerprint.hash, known);
    return `${known}\n${fingerprint.launch}`;
  };
  const left = ignoreNames ? leftOvers.flatMap((each) => withoutCommon(each, nameless)) : leftOvers;
  const shown = (fingerprint: Fingerprint | undefined): Shown | undefined =>
    fingerprint && { launch: fingerprint.launch, code: codeOf(fingerprint) };
  const differences = left.flatMap(({ place, before, after }) =>
    Array.from({ length: Math.max(before.length, after.length) }, (_, index) => {
      return { place, before: shown(before[index]), after: shown(after[index]) };
    }),
  );
  return { kernels: kernelsIn(recording.places, places.map), differences };
}

type Kernels = Recording["places"];

interface LeftOver {
  readonly place: string;
  readonly before: readonly Fingerprint[];
  readonly after: readonly Fingerprint[];
}

type KeyOf = (fingerprint: Fingerprint) => string;

function leftOversOf(before: Kernels, after: Kernels, keyOf: KeyOf): LeftOver[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((place) =>
    withoutCommon({ place, before: [...(before.get(place) ?? [])], after: [...(after.get(place) ?? [])] }, keyOf),
  );
}

/** The kernels of one side only. */
function withoutCommon({ place, before, after }: LeftOver, keyOf: KeyOf): LeftOver[] {
  const [old, young] = [new Set(before.map(keyOf)), new Set(after.map(keyOf))];
  const left = {
    place,
    before: before.filter((fingerprint) => !young.has(keyOf(fingerprint))),
    after: after.filter((fingerprint) => !old.has(keyOf(fingerprint))),
  };
  return left.before.length + left.after.length > 0 ? [left] : [];
}

function kernelsIn(before: Kernels, after: Kernels): number {
  return [...new Set([...before.keys(), ...after.keys()])].reduce(
    (sum, place) => sum + Math.max(before.get(place)?.size ?? 0, after.get(place)?.size ?? 0),
    0,
  );
}
