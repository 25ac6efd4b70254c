/** Retries of transient failures. Node only. */
import { setTimeout as sleep } from "node:timers/promises";
import { DownloadError, type ErrorParts } from "../../errors.ts";
import type { Patience } from "../watchdog.ts";

export interface Timing extends Patience {
  /** Attempts in total. */
  readonly attempts: number;
  /** Delay before the second attempt; doubles with each further one. */
  readonly retryDelayMs: number;
}

/** The silence limit is that of Python's huggingface_hub. The minimum speed is below a modem's. */
export const DEFAULT_TIMING: Timing = {
  attempts: 4,
  retryDelayMs: 500,
  quietMs: 10_000,
  speedWindowMs: 60_000,
  minBytesPerSecond: 1000,
};

/** If the server requests a longer delay, there is no further attempt. */
const MAX_WAIT_MS = 60_000;

/** A failure after which another attempt may succeed. */
export class Transient extends Error {
  readonly parts: ErrorParts;
  /** The delay that the server requested. */
  readonly waitMs: number | undefined;

  constructor(parts: ErrorParts, waitMs?: number) {
    super(parts.found);
    this.parts = parts;
    this.waitMs = waitMs;
  }
}

/**
 * Runs a job, and repeats it while it throws `Transient`; other errors propagate.
 * @throws DownloadError made from the last `Transient`; the signal's reason on abort.
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
      if (attempt >= timing.attempts || waitMs > MAX_WAIT_MS) throw finalError(error, attempt);
      await pause(waitMs, signal);
    }
  }
}

/** The delay of a Retry-After header (seconds, or a date), in milliseconds. */
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
