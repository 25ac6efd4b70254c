/**
 * Trying again, a bounded number of times, what may succeed the next time. Node only.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { DownloadError, type ErrorParts } from "../../errors.ts";
import type { Patience } from "../watchdog.ts";

/** How patient downloads are. */
export interface Timing extends Patience {
  /** Tries in all. */
  readonly attempts: number;
  /** The wait before the second try; it doubles with every further one. */
  readonly retryDelayMs: number;
}

/** Python's huggingface_hub is as patient with a silent server. The lowest speed is below that of a modem. */
export const DEFAULT_TIMING: Timing = {
  attempts: 4,
  retryDelayMs: 500,
  quietMs: 10_000,
  speedWindowMs: 60_000,
  minBytesPerSecond: 1000,
};

/** A server that asks for a longer wait gets no further try: nobody watches a still progress bar for that long. */
const LONGEST_WAIT_MS = 60_000;

/** A failure that the next try may not meet. */
export class Transient extends Error {
  readonly parts: ErrorParts;
  /** The wait that the server asked for. */
  readonly waitMs: number | undefined;

  constructor(parts: ErrorParts, waitMs?: number) {
    super(parts.found);
    this.parts = parts;
    this.waitMs = waitMs;
  }
}

/**
 * The job's result. It is tried again while it throws `Transient`; anything else it throws ends it.
 * @throws DownloadError made of the last `Transient`. When `signal` aborts, its reason is thrown as it is.
 */
export async function withRetries<T>(job: () => Promise<T>, timing: Timing, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await job();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Transient)) throw error;
      const waitMs = Math.max(error.waitMs ?? 0, timing.retryDelayMs * 2 ** (attempt - 1));
      if (attempt >= timing.attempts || waitMs > LONGEST_WAIT_MS) throw finalError(error, attempt);
      await pause(waitMs, signal);
    }
  }
}

/** Milliseconds that a Retry-After header asks for: seconds, or a date. */
export function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const waitMs = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

function finalError({ parts }: Transient, attempts: number): DownloadError {
  return new DownloadError(attempts === 1 ? parts : { ...parts, found: `${parts.found}, ${attempts} times` });
}

async function pause(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
