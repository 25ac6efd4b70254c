/** A value that is missing only because of a defect in the verification. */
export function required<T>(value: T | undefined, what = "a requested stage"): T {
  if (value === undefined) throw new Error(`${what} is missing`);
  return value;
}
