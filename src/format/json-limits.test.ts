import { expect, test } from "vitest";
import { CheckpointError } from "../errors.ts";
import { checkJsonSize } from "./json-limits.ts";

test.each<[string, number]>([
  ["{}", 1],
  ['{"a":1,"b":2}', 2],
  ['{"a,b":"c,\\",d","e":[1,2,3,4]}', 2],
  ['{"a":{"b":1,"c":2,"d":3},"e":1}', 3],
  ['{"a":[{"b":1,"c":2},{"d":3}],"e":1,"f":1}', 3],
  ["[1,2,3,4,5]", 0],
  ["]},,}", 0],
])("the largest object in %s has %i keys", (json, keys) => {
  expect(checkJsonSize(json, { Fault: CheckpointError, name: "file", advice: "" })).toBe(keys);
});
