import fc from "fast-check";
import { expect, test } from "vitest";
import { FusebertError, InputError } from "../errors.ts";
import { displayable } from "./displayable.ts";
import { jsonText } from "./json.ts";

/** Everything a terminal could interpret. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the test searches for them.
const controls = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/u;

const hostile = "\u001b]0;title\u0007\u009b31m\u007f\u0085\u202eevil\u2066\u2028\r\n\t\u061c\ud800";

test("control characters are escaped, all others kept", () => {
  expect(displayable(hostile)).toBe(
    "\\u001b]0;title\\u0007\\u009b31m\\u007f\\u0085\\u202eevil\\u2066\\u2028\\r\\n\\t\\u061c\\ud800",
  );
  expect(displayable("Łódź 😀 שלום C:\\new")).toBe("Łódź 😀 שלום C:\\new");
});

test("the result has no control characters and a bounded length", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 3000, size: "max" }),
      fc.integer({ min: 5, max: 700 }),
      (text, maxLength) => {
        const shown = displayable(text, maxLength);
        expect(shown).not.toMatch(controls);
        expect(shown.length).toBeLessThanOrEqual(maxLength);
        expect(displayable(shown, maxLength)).toBe(shown);
      },
    ),
  );
});

test("a long name is shortened, the sentence around it is not", () => {
  const name = `/data/${"x".repeat(200_000)}/model`;
  expect(displayable(`${name} does not exist`)).toMatch(/^\/data\/x+…x+\/model does not exist$/);
  expect(displayable(`${"😀".repeat(500)}!`)).toMatch(/^(😀)+…(😀)+!$/u);
});

test("no field of an error has control characters", () => {
  const fields = {
    found: `${hostile} is wrong`,
    expected: `not ${hostile}`,
    advice: `Take ${"y".repeat(200_000)} away.`,
  };
  const error = new InputError(fields);
  for (const text of [error.message, error.found, error.expected, error.advice]) {
    expect(text).not.toMatch(controls);
    expect(text?.length).toBeLessThan(700);
  }
  expect(new FusebertError({ found: "topK is 0", expected: "1", advice: "Leave it out." }).message).toBe(
    "topK is 0; expected 1. Leave it out.",
  );
});

test("JSON keeps its value and has no control characters", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: "binary" }), (value, text) => {
      const json = jsonText({ value, [text]: text + hostile });
      expect(json).not.toMatch(controls);
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify({ value, [text]: text + hostile })));
    }),
  );
});
