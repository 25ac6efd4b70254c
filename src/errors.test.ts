import { expect, test } from "vitest";
import { CheckpointError } from "./errors.ts";

test("an error says what was found, what was expected and what to do, in a bounded length", () => {
  const error = new CheckpointError({ found: "f is 1", expected: "2", advice: "Write 2." });
  expect(error.message).toBe("f is 1; expected 2. Write 2.");
  const long = new CheckpointError({ found: `f is ${"x".repeat(1_000_000)}`, advice: "Write less." });
  expect(long.message).toMatch(/^f is x+…x+\. Write less\.$/);
  expect(long.message.length).toBeLessThan(1000);
  expect(long.found.length).toBeLessThanOrEqual(600);
});
