/** Settings of config.json are checked by name, and a model without any has none. */
import { expect, test } from "vitest";
import { CheckpointError } from "../errors.ts";
import { readFusebertSettings, unknownSettings } from "./fusebert-settings.ts";

test.each<[object, object]>([
  [{}, {}],
  [{ fusebert: null }, {}],
  [{ fusebert: {} }, {}],
  [{ fusebert: { no_answer_threshold: null } }, {}],
  [{ fusebert: { no_answer_threshold: -2 } }, { noAnswerThreshold: -2 }],
  [{ fusebert: { no_answer_threshold: 0 } }, { noAnswerThreshold: 0 }],
  [{ fusebert: { other: 1, no_answer_threshold: 1.5 } }, { noAnswerThreshold: 1.5 }],
])("%j gives %j", (object, expected) => {
  expect(readFusebertSettings({ model_type: "bert", ...object }, "m/config.json")).toEqual(expected);
});

test.each([
  [
    '{"no_answer_threshold": "-2"}',
    /^m\/config\.json: fusebert\.no_answer_threshold is "-2"; expected a number\. Check/,
  ],
  ['{"no_answer_threshold": [-2]}', /fusebert\.no_answer_threshold is \[-2\]; expected a number/],
  ['{"no_answer_threshold": true}', /fusebert\.no_answer_threshold is true; expected a number/],
  ['{"no_answer_threshold": 1e999}', /fusebert\.no_answer_threshold is .*; expected a finite number/],
  ["-2", /^m\/config\.json: fusebert is -2; expected an object/],
  ["[-2]", /^m\/config\.json: fusebert is \[-2\]; expected an object/],
])("%s is refused by name", (json, message) => {
  const read = () => readFusebertSettings({ fusebert: JSON.parse(json) }, "m/config.json");
  expect(read).toThrow(CheckpointError);
  expect(read).toThrow(message);
});

test("a setting of another name is reported", () => {
  expect(unknownSettings({ fusebert: { no_answer_threshold: -2 } }, "m/config.json")).toEqual([]);
  expect(unknownSettings({ fusebert: [] }, "m/config.json")).toEqual([]);
  expect(unknownSettings({ fusebert: { no_answer_treshold: -2 } }, "m/config.json")).toEqual([
    'm/config.json: fusebert has the unknown setting "no_answer_treshold", which is ignored',
  ]);
});
