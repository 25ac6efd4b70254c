/** Damaged JSON files. */
import { decodeUtf8 } from "../../src/checkpoint/json.ts";
import { mutate } from "../../src/checkpoint/testing/mutate.ts";
import { mutateJson } from "../../src/checkpoint/testing/mutate-json.ts";
import { utf8 } from "../../src/checkpoint/testing/tiny-model.ts";
import type { FuzzKind } from "./harness.ts";

export const loose = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Half of the damage is to how the file is written, half to what it says. */
export function jsonKind(name: string, original: object, read: (text: string) => unknown, decode = loose): FuzzKind {
  const sound = utf8(JSON.stringify(original, null, 1));
  return {
    name,
    mutate: (random) => (random() < 0.5 ? mutate(sound, sound.length, random) : utf8(mutateJson(original, random))),
    read: (bytes) => read(decode(bytes)),
  };
}

/** As the files of a model are decoded. */
export const strict = (bytes: Uint8Array): string => decodeUtf8(bytes, "file");
