/**
 * Makes V8 collect its garbage now, in a process that was not started with --expose-gc.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Collects everything that nothing refers to. */
export const collectNow: () => void = runInNewContext("gc");

/** Collects, with turns of the event loop between, until what is hoped for has happened, or it has been tried enough. */
export async function collectGarbage(isDone: () => boolean, tries = 50): Promise<void> {
  for (let round = 0; round < tries && !isDone(); round++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collectNow();
  }
}
