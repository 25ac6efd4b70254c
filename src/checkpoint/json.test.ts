import { describe, expect, test } from "vitest";
import { CheckpointError } from "../errors.ts";
import { decodeUtf8, parseJsonObject } from "./json.ts";

describe("parseJsonObject", () => {
  test.each([
    ["", "is empty"],
    ["  \n", "is empty"],
    ["<!doctype html>", "is not JSON"],
    ['{"a": 1', "is not JSON"],
    ["null", "is null"],
    ["[1, 2]", "is [1, 2]"],
    ["7", "is 7"],
    ['\uFEFF{"a": 1}', "starts with a byte order mark"],
    ['{"a": 1, "a": 1}', 'has the key "a" twice'],
    ['{"a": 1, "\\u0061" : 2}', 'has the key "a" twice'],
    ['{"x": [{"y": {"q": 1, "z": [], "q": 2}}]}', 'has the key "q" twice'],
    ['{"a\\\\": 1, "b": "\\"a\\": {", "a\\\\": 2}', 'has the key "a\\\\" twice'],
    ['{"": 1, "": 2}', 'has the key "" twice'],
  ])("%j is rejected", (text, expected) => {
    expect(() => parseJsonObject(text, "f.json")).toThrow(CheckpointError);
    expect(() => parseJsonObject(text, "f.json")).toThrow(`f.json ${expected}`);
  });

  test.each([
    ["{}"],
    ['{"a": {"a": {"a": "a"}}, "b": [{"a": 1}, {"a": 2}]}'],
    ['{"a": "a", "b": ["a", "b", ":", "a"], "c": "\\"c\\": 1"}'],
    ['{"__proto__": 1, "constructor": 2}'],
    ['\t{ "a"\n:\r1 }\n'],
  ])("%j is read", (text) => {
    expect(parseJsonObject(text, "f.json")).toEqual(JSON.parse(text));
  });

  test("depth and length do not exhaust the stack", () => {
    const nested = (depth: number) => `{"a": ${"[".repeat(depth)}${"]".repeat(depth)}, "${"k".repeat(2_000_000)}": 1}`;
    expect(Object.keys(parseJsonObject(nested(63), "f.json"))).toHaveLength(2);
    expect(() => parseJsonObject(nested(64), "f.json")).toThrow("f.json nests deeper than 64 levels");
    expect(() => parseJsonObject(nested(200_000), "f.json")).toThrow("f.json nests deeper than 64 levels");
    expect(() => parseJsonObject("[".repeat(200_000), "f.json"), "no JSON either").toThrow("nests deeper");
  });

  test("values are counted, but not brackets in strings", () => {
    const text = (count: number) => `{"a": [${"0,".repeat(count)}0], "b": "[[[,,,\\"[${"[".repeat(100)}"}`;
    expect(parseJsonObject(text(10), "f.json")["b"]).toContain("[[[");
    expect(() => parseJsonObject(text(1_000_000), "f.json")).toThrow("f.json holds more than 800,000 values");
  });
});

test("bytes that are not UTF-8 are rejected", () => {
  expect(() => decodeUtf8(Uint8Array.of(0x7b, 0xff, 0x7d), "f.json")).toThrow(
    "f.json is not UTF-8; expected text in UTF-8",
  );
});
