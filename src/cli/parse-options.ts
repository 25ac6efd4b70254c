/**
 * Parses the values of options, so that a wrong one is reported before anything starts.
 */
import { InvalidArgumentError } from "commander";

/** For an option that may be given several times. */
export const collect = (value: string, previous: readonly string[]): string[] => [...previous, value];

/** The options that were given. */
export function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function wholeNumberFrom(min: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (/^\d+$/.test(value) && Number.isSafeInteger(number) && number >= min) return number;
    throw new InvalidArgumentError(`Expected a whole number of at least ${min}.`);
  };
}

export const atLeastOne = wholeNumberFrom(1);
export const wholeNumber = wholeNumberFrom(0);

export function finiteNumber(value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number)) return number;
  throw new InvalidArgumentError("Expected a number.");
}
