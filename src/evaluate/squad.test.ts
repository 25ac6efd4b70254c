import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError } from "../errors.ts";
import { parseNullOdds, parsePredictions } from "./predictions-file.ts";
import { parseSquad } from "./squad.ts";

const sample = (kind: string) =>
  readFile(new URL(`../../test/fixtures/squad/sample-v${kind}.json`, import.meta.url), "utf8");

const answer = { text: "Paris", answer_start: 0 };
const file = (...qas: readonly unknown[]) =>
  JSON.stringify({ version: "1.1", data: [{ title: "t", paragraphs: [{ context: "Paris is a city.", qas }] }] });

test("reads both kinds, distinguished by their questions", async () => {
  const old = parseSquad(await sample("1.1"), "old");
  expect(old.kind).toBe("1.1");
  expect(old.questions).toHaveLength(10);
  expect(old.questions[0]).toMatchObject({ id: "5725b92e38643c19005acbd3", answers: { length: 5 } });
  const recent = parseSquad(await sample("2.0"), "recent");
  expect(recent.kind).toBe("2.0");
  expect(recent.questions.filter(({ answers }) => answers.length === 0)).toHaveLength(5);
});

test("ignores the version field", () => {
  expect(parseSquad(file({ id: "1", question: "?", answers: [] }), "f").kind).toBe("2.0");
  const answered = file({ id: "1", question: "?", answers: [answer], is_impossible: false });
  expect(parseSquad(answered.replace('"1.1"', '"v2.0"'), "f").kind).toBe("1.1");
  expect(parseSquad(answered.replace('"version":"1.1",', ""), "f").kind).toBe("1.1");
});

describe("rejects, with the path in the file", () => {
  const question = { id: "1", question: "?", answers: [answer] };
  test.each<[string, string, RegExp]>([
    ["nothing", " ", /^f is empty; expected one JSON value/],
    ["nothing but brackets", "[".repeat(5_000_000), /^f nests deeper than 64 levels/],
    ["a file cut short", file(question).slice(0, 60), /^f is not JSON \(.*cut short/],
    ["a list", "[]", /^f: data is missing; expected an object with data/],
    ["predictions", '{"1":"Paris"}', /^f: data is missing; expected an object with data/],
    ["the flat form of another library", '{"data":[{"id":"1"}]}', /^f: data\[0\]\.paragraphs is missing/],
    ["an answer that is not a text", file({ ...question, answers: [{ text: 5 }] }), /answers\[0\]\.text is 5/],
    [
      "answers that are not a list",
      file({ ...question, answers: "Paris" }),
      /qas\[0\]\.answers is "Paris"; expected a l/,
    ],
    ["an id that is a number", file({ ...question, id: 1 }), /qas\[0\]\.id is 1; expected a string/],
    ["an id twice", file(question, question), /has the question "1" twice/],
    [
      "an impossible question with answers",
      file({ ...question, is_impossible: true }),
      /is is_impossible, and has answers/,
    ],
    [
      "a possible question without answers",
      file({ ...question, answers: [], is_impossible: false }),
      /not is_impossible, and has no/,
    ],
    ["no questions", '{"data":[]}', /^f has no questions/],
  ])("%s", (_, json, says) => {
    expect(() => parseSquad(json, "f")).toThrow(InputError);
    expect(() => parseSquad(json, "f")).toThrow(says);
  });

  test("any other input with an InputError", () => {
    const json = fc.oneof(
      fc.string(),
      fc.json(),
      fc.anything().map((value) => JSON.stringify({ data: value }) ?? ""),
    );
    fc.assert(
      fc.property(json, (text) => {
        for (const parse of [parseSquad, parsePredictions, parseNullOdds]) {
          try {
            parse(text, "f");
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
          }
        }
      }),
    );
  });

  test("nesting a million deep", () => {
    const deep = `{"data":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`;
    expect(() => parseSquad(deep, "f")).toThrow("f nests deeper than 64 levels");
  });
});

describe("predictions", () => {
  test("are texts by id, for any ids", () => {
    const json = '{"1":"","__proto__":"x","constructor":"y"}';
    expect([...parsePredictions(json, "p")]).toEqual([
      ["1", ""],
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  test("anything else is rejected", () => {
    expect(() => parsePredictions("[]", "p")).toThrow(/^p is an array|^p is \[\]/);
    expect(() => parsePredictions('{"1":["Paris"]}', "p")).toThrow(/the value of "1" is an array; expected an answer/);
    expect(() => parseNullOdds('{"1":"0.5"}', "o")).toThrow(/the value of "1" is "0.5"; expected a number/);
  });
});
