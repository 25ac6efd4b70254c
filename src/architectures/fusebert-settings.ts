/**
 * fusebert's own settings in `config.json`, under the key `fusebert`, which other programs ignore: defaults that belong to
 * a model because they were measured on it.
 *
 * Must stay true: an invalid value is an error that names the setting, never replaced by a default.
 */
import * as v from "valibot";
import { isRecord } from "../arguments.ts";
import { describe } from "../checkpoint/describe.ts";
import type { JsonObject } from "../checkpoint/json.ts";
import { readFields } from "./config-fields.ts";

export interface FusebertSettings {
  /** `no_answer_threshold`: the default of the option `noAnswerThreshold` (docs/semantics.md). */
  readonly noAnswerThreshold?: number;
}

const settings = { no_answer_threshold: v.nullish(v.pipe(v.number("a number"), v.finite("a finite number"))) };
const anObject = v.custom<JsonObject>(isRecord, "an object"); // Valibot's own objects may be lists.
const schema = v.looseObject({ fusebert: v.nullish(v.pipe(anObject, v.looseObject(settings)), {}) });

/**
 * @param fileName for errors.
 * @throws CheckpointError that names the setting.
 */
export function readFusebertSettings(object: JsonObject, fileName: string): FusebertSettings {
  const { fusebert } = readFields(schema, object, fileName, "a question-answering model");
  const threshold = fusebert.no_answer_threshold ?? undefined;
  return { ...(threshold !== undefined && { noAnswerThreshold: threshold }) };
}

/** A misspelt setting would otherwise have no effect and no message. */
export function unknownSettings({ fusebert }: JsonObject, fileName: string): string[] {
  const unknown = Object.keys(isRecord(fusebert) ? fusebert : {}).filter((name) => !Object.hasOwn(settings, name));
  return unknown.map((name) => `${fileName}: fusebert has the unknown setting ${describe(name)}, which is ignored`);
}
