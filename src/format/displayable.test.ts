import fc from "fast-check";
import { expect, test } from "vitest";
import { FusebertError, InputError } from "../errors.ts";
import { displayable } from "./displayable.ts";
import { jsonText } from "./json.ts";

/** Everything a terminal could act upon. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const commanding = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/u;

const hostile = "\u001b]0;title\u0007\u009b31m\u007f\u0085\u202eevil\u2066\u2028\r\n\t\u061c\ud800";

test("controls become visible, and everything else stays", () => {
  expect(displayable(hostile)).toBe(
    "\\u001b]0;title\\u0007\\u009b31m\\u007f\\u0085\\u202eevil\\u2066\\u2028\\r\\n\\t\\u061c\\ud800",
  );
  expect(displayable("Łódź 😀 שלום C:\\new")).toBe("Łódź 😀 שלום C:\\new");
});

test("nothing commanding comes out, and nothing long", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 3000, size: "max" }),
      fc.integer({ min: 5, max: 700 }),
      (text, most) => {
        const shown = displayable(text, most);
        expect(shown).not.toMatch(commanding);
        expect(shown.length).toBeLessThanOrEqual(most);
        expect(displayable(shown, most)).toBe(shown);
      },
    ),
  );
});

test("a long name is cut, and the sentence around it is not", () => {
  const name = `/data/${"x".repeat(200_000)}/model`;
  expect(displayable(`${name} does not exist`)).toMatch(/^\/data\/x+…x+\/model does not exist$/);
  expect(displayable(`${"😀".repeat(500)}!`)).toMatch(/^(😀)+…(😀)+!$/u);
});

test("an error carries none of it, in no part", () => {
  const parts = {
    found: `${hostile} is wrong`,
    expected: `not ${hostile}`,
    advice: `Take ${"y".repeat(200_000)} away.`,
  };
  const error = new InputError(parts);
  for (const text of [error.message, error.found, error.expected, error.advice]) {
    expect(text).not.toMatch(commanding);
    expect(text?.length).toBeLessThan(700);
  }
  expect(new FusebertError({ found: "topK is 0", expected: "1", advice: "Leave it out." }).message).toBe(
    "topK is 0; expected 1. Leave it out.",
  );
});

test("JSON has the same value and no command", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: "binary" }), (value, text) => {
      const json = jsonText({ value, [text]: text + hostile });
      expect(json).not.toMatch(commanding);
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify({ value, [text]: text + hostile })));
    }),
  );
});
