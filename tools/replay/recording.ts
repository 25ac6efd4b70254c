/**
 * A recording: the fingerprints of all kernels, and each distinct source once, in one compressed file of JSON lines.
 *
 * Sources are hundreds of megabytes, so they are written as they come and read only where a difference is shown.
 *
 * Must stay true: a recording is complete; an interrupted one leaves no file.
 */
import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants, createBrotliCompress, createBrotliDecompress } from "node:zlib";
import { InputError } from "../../src/errors.ts";
import type { Selection } from "./corpus.ts";
import { type GeneratedKernel, hashOf } from "./fingerprint.ts";

const schema = "fusebert.replay/1";

/** All that decides whether a kernel is the same. */
export interface Fingerprint {
  readonly launch: string;
  /** The hash of its source. */
  readonly hash: string;
}

export interface Recording {
  readonly selection: Selection;
  /** The distinct kernels of each place, in the order they were generated. */
  readonly places: ReadonlyMap<string, ReadonlySet<Fingerprint>>;
}

/** Collects fingerprints; equal ones are one object. */
export class Places {
  readonly map = new Map<string, Set<Fingerprint>>();
  readonly #known = new Map<string, Fingerprint>();

  /** @returns its fingerprint, the same object for all equal ones. */
  add(place: string, launch: string, hash: string): Fingerprint {
    const key = `${hash}\n${launch}`;
    const fingerprint = this.#known.get(key) ?? { launch, hash };
    this.#known.set(key, fingerprint);
    const there = this.map.get(place) ?? new Set();
    this.map.set(place, there.add(fingerprint));
    return fingerprint;
  }
}

type Line =
  | { readonly schema: string; readonly selection: Selection }
  | { readonly hash: string; readonly code: string }
  | { readonly id: number; readonly launch: string; readonly hash: string }
  | { readonly place: string; readonly ids: readonly number[] };

/** Sources that resemble each other are megabytes apart. */
const compression = {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 4,
    [constants.BROTLI_PARAM_LGWIN]: 24,
  },
};

/** @returns how many kernels there are, and how many distinct sources. */
export async function save(
  path: string,
  selection: Selection,
  kernels: AsyncIterable<GeneratedKernel>,
  signal: AbortSignal,
): Promise<{ readonly kernels: number; readonly sources: number }> {
  const places = new Places();
  const hashes = new Set<string>();
  async function* lines(): AsyncGenerator<string> {
    yield lineOf({ schema, selection: { ...selection } });
    for await (const { place, launch, code } of kernels) {
      const hash = hashOf(code);
      places.add(place, launch, hash);
      if (!hashes.has(hash)) yield lineOf({ hash, code });
      hashes.add(hash);
    }
    const ids = new Map<Fingerprint, number>();
    for (const [place, there] of places.map) {
      for (const fingerprint of there) {
        if (ids.has(fingerprint)) continue;
        yield lineOf({ id: ids.size, ...fingerprint });
        ids.set(fingerprint, ids.size);
      }
      yield lineOf({ place, ids: [...there].map((fingerprint) => ids.get(fingerprint) ?? 0) });
    }
  }
  const temporary = `${path}.${randomUUID()}.part`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await pipeline(lines, createBrotliCompress(compression), createWriteStream(temporary), { signal });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return { kernels: countOf(places.map), sources: hashes.size };
}

export const countOf = (places: Recording["places"]): number =>
  [...places.values()].reduce((sum, there) => sum + there.size, 0);

const lineOf = (line: Line): string => `${JSON.stringify(line)}\n`;

/** @throws InputError if there is no recording, or it is damaged. */
export async function load(path: string, signal: AbortSignal): Promise<Recording> {
  const fingerprints: Fingerprint[] = [];
  const places = new Map<string, ReadonlySet<Fingerprint>>();
  let selection: Selection | undefined;
  await eachLine(path, signal, (line) => {
    if ("schema" in line && line.schema === schema) selection = line.selection;
    else if ("id" in line) fingerprints[line.id] = { launch: line.launch, hash: line.hash };
    else if ("place" in line) {
      places.set(line.place, new Set(line.ids.map((id) => fingerprints[id] as Fingerprint)));
    }
  });
  if (selection === undefined) throw damaged(path, "it does not begin as one");
  return { selection, places };
}

/** The sources that are wanted, by their hashes. */
export async function loadSources(
  path: string,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  await eachLine(path, signal, (line) => {
    if ("code" in line && wanted.has(line.hash)) sources.set(line.hash, line.code);
  });
  return sources;
}

async function eachLine(path: string, signal: AbortSignal, use: (line: Line) => void): Promise<void> {
  await access(path).catch((cause: unknown) => {
    throw new InputError({
      found: `there is no recording ${path}`,
      expected: "one from before the change",
      advice: "Go back to the commit before it and run: npm run replay -- save",
      cause,
    });
  });
  try {
    await pipeline(
      createReadStream(path),
      createBrotliDecompress(),
      async (pieces: AsyncIterable<Buffer>) => {
        const decoder = new TextDecoder();
        let rest = "";
        for await (const piece of pieces) {
          const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) use(JSON.parse(line) as Line);
        }
      },
      { signal },
    );
  } catch (cause) {
    signal.throwIfAborted();
    throw damaged(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

const damaged = (path: string, what: string, cause?: unknown): InputError =>
  new InputError({
    found: `${path} is no whole recording: ${what}`,
    expected: "a file that npm run replay -- save has written",
    cause,
  });
