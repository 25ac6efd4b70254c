/**
 * Reading the values of options: what is no number, or out of range, is said before anything starts.
 */
import { InvalidArgumentError } from "commander";

/** For an option that may be given several times. */
export const collect = (value: string, previous: readonly string[]): string[] => [...previous, value];

function wholeNumberFrom(least: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (/^\d+$/.test(value) && Number.isSafeInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
  };
}

export const atLeastOne = wholeNumberFrom(1);
export const wholeNumber = wholeNumberFrom(0);

export function finiteNumber(value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number)) return number;
  throw new InvalidArgumentError("Expected a number.");
}
