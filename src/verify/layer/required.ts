/** A stage or tensor that is there unless the verification itself is wrong. */
export function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a stage that was asked for was not computed");
  return value;
}
