/**
 * Files that are made to fill the memory or to take very long are rejected by name, in a process with a heap of 256 MB.
 *
 * The processes report their times; the time limits only detect a hanging process.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tinyFiles } from "../src/checkpoint/testing/tiny-model.ts";
import { smallJson } from "../src/text/testing.ts";
import { builtPackage } from "./support/build.ts";
import { repositoryRoot } from "./support/golden.ts";

let folder: string;
beforeAll(async () => {
  await builtPackage();
  folder = await mkdtemp(join(tmpdir(), "fusebert-hostile-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Parts = readonly (string | readonly [text: string, times: number])[];

/** Writes texts in order, each repeated `times` times. */
async function writeParts(path: string, parts: Parts): Promise<void> {
  const file = await open(path, "w");
  for (const part of parts) {
    const [text, times] = typeof part === "string" ? [part, 1] : part;
    const perChunk = Math.min(times, Math.ceil(1_000_000 / text.length));
    const chunk = text.repeat(perChunk);
    for (let written = 0; written < times; written += perChunk) {
      await file.write(Buffer.from(times - written >= perChunk ? chunk : text.repeat(times - written), "latin1"));
    }
  }
  await file.close();
}

/** A safetensors file with a header and no data. */
const header = (parts: Parts): Parts => {
  const length = parts.reduce(
    (sum, part) => sum + (typeof part === "string" ? part.length : part[0].length * part[1]),
    0,
  );
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(length));
  return [bytes.toString("latin1"), ...parts];
};

/** Entries with different keys, as one text. */
const entries = (count: number, entry: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => entry(index)).join(",");

const numbered = (index: number): string => index.toString(36).padStart(5, "0");
/** A tokenizer.json, and the offsets at which vocabulary and added tokens can be extended. */
const tokenizer = JSON.stringify(smallJson(["a"]));
const vocabEnd = tokenizer.lastIndexOf("}}}");
const addedStart = tokenizer.indexOf("[", tokenizer.indexOf('"added_tokens"')) + 1;
const flags = '"single_word":false,"lstrip":false,"rstrip":false,"normalized":true';
const empty = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';

const cases: readonly (readonly [what: string, file: string, parts: () => Parts, message: RegExp])[] = [
  ["98 MB of brackets", "config.json", () => [["[", 98_000_000]], /config\.json has 98,000,000 bytes; expected at most/],
  ["900 kB of brackets", "config.json", () => [["[", 900_000]], /config\.json nests deeper than 64 levels/],
  ["a header of a million tensors", "model.safetensors", () => header([`{${entries(1_000_000, (i) => `"${numbered(i)}":${empty}`)}}`, [" ", 63]]), /its header has [\d,]+; expected a header of 2 to 10,000,000 bytes/],
  ["a header of 100,000 tensors", "model.safetensors", () => header([`{${entries(100_000, (i) => `"${numbered(i)}":${empty}`)}}`]), /has 100,000 tensors; expected at most 50,000/],
  ["a header of empty lists", "model.safetensors", () => header(['{"a":[', ["[],", 3_000_000], "0]}"]), /header of .* holds more than 800,000 values/],
  ["an index of 98 MB", "model.safetensors.index.json", () => [["[", 98_000_000]], /index\.json has 98,000,000 bytes/],
  ["an index of 2,000 files", "model.safetensors.index.json", () => [`{"weight_map":{${entries(2000, (i) => `"${i}":"s${i}.safetensors"`)}}}`], /index\.json names 2,000 files; expected at most 1,000/],
  ["nine million empty dicts", "pytorch_model.bin", () => ["\x80\x02", ["}", 9_000_000]], /pytorch_model\.bin has a pickle of more than 1,000,000 operations/],
  ["a million dicts, remembered", "pytorch_model.bin", () => ["\x80\x02(", ["}K\x01Nsr\x01\0\0\0", 900_000]], /a pickle of more than 1,000,000 operations/],
  ["90 MB of marks", "pytorch_model.bin", () => ["\x80\x02", ["(", 90_000_000]], /a pickle of more than 1,000,000 operations/],
  ["a text of 90 MB", "pytorch_model.bin", () => ["\x80\x02X\0\0\0\x05", ["x", 90_000_000]], /a pickle of more than 10,000,000 bytes/],
  ["an index of 98 MB of shards", "pytorch_model.bin.index.json", () => [["[", 98_000_000]], /bin\.index\.json has 98,000,000 bytes/],
  ["90 MB of line breaks", "vocab.txt", () => [["\n", 90_000_000]], /vocab\.txt has 90,000,000 bytes; expected at most 16,000,000/],
  ["15 MB of line breaks", "vocab.txt", () => [["\n", 15_000_000]], /vocab\.txt has more than 600000 tokens/],
  ["a vocabulary of 700,000 tokens", "vocab.txt", () => [entries(700_000, numbered).replaceAll(",", "\n")], /vocab\.txt has more than 600000 tokens/],
  ["80 MB of junk", "tokenizer.json", () => ['{"junk":[', ["{},", 26_000_000], "0]}"], /tokenizer\.json has 78,000,012 bytes; expected at most 32,000,000/],
  ["30 MB of junk", "tokenizer.json", () => ['{"junk":[', ["{},", 10_000_000], "0]}"], /tokenizer\.json holds more than 800,000 values/],
  ["30 MB of brackets", "tokenizer.json", () => [["[", 30_000_000]], /tokenizer\.json nests deeper than 64 levels/],
  // Within all limits: it is read, and then rejected as too large for its model.
  ["a vocabulary as large as the largest known", "tokenizer.json", () => [tokenizer.slice(0, vocabEnd), `,${entries(501_148, (i) => `"${numbered(i)}":${i + 5}`)}`, tokenizer.slice(vocabEnd)], /the tokenizer has 501153 tokens; expected at most config\.json's vocab_size, 13/],
  ["a vocabulary of 700,000 tokens", "tokenizer.json", () => [tokenizer.slice(0, vocabEnd), `,${entries(700_000, (i) => `"${numbered(i)}":${i + 9}`)}`, tokenizer.slice(vocabEnd)], /tokenizer\.json has more than 600000 tokens/],
  ["790,000 tokens and nothing else", "tokenizer.json", () => [`{"model":{"type":"WordPiece","vocab":{${entries(790_000, (i) => `"token number ${numbered(i)}":${i}`)}}}}`], /tokenizer\.json has more than 600000 tokens/],
  ["an added token of 20 MB",
    "tokenizer.json",
    () => [
      tokenizer.slice(0, addedStart),
      `{"id":9,${flags},"content":"`,
      ["x", 20_000_000],
      '"},',
      tokenizer.slice(addedStart),
    ],
    /the 5 added tokens have 20000\d+ characters/],
  ["words of any length", "tokenizer.json", () => [tokenizer.replace('"max_input_chars_per_word":100', '"max_input_chars_per_word":1000000000')], /max_input_chars_per_word is 1000000000/],
  ["98 MB of brackets", "tokenizer_config.json", () => [["[", 98_000_000]], /tokenizer_config\.json has 98,000,000 bytes/],
]; // biome-ignore format: a table

test("every hostile file is rejected by its name, with a heap of 256 MB", async () => {
  const folders: string[] = [];
  for (const [index, [, file, parts]] of cases.entries()) {
    const model = join(folder, String(index));
    folders.push(model);
    await mkdir(model);
    const files: Record<string, string | Uint8Array> = { ...tinyFiles(), "tokenizer.json": tokenizer };
    // These would be read instead.
    if (/^(?:model\.safetensors\.index|pytorch_model)/.test(file)) delete files["model.safetensors"];
    if (file === "vocab.txt") delete files["tokenizer.json"];
    for (const [name, content] of Object.entries(files)) await writeFile(join(model, name), content);
    await writeParts(join(model, file), parts());
  }
  const script = join(repositoryRoot, "test/support/load-models.mjs");
  const printed = execFileSync(process.execPath, ["--max-old-space-size=256", script, ...folders], {
    encoding: "utf8",
  });
  const results = printed
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(results).toHaveLength(cases.length);
  for (const [index, [what, file, , message]] of cases.entries()) {
    const { error, ms } = results[index];
    console.log(`${file}, ${what}: ${ms} ms`);
    expect(error?.message, `${file}, ${what}`).toMatch(message);
    expect(error.name).toBe("CheckpointError");
    expect(error.message.length).toBeLessThan(1000);
    expect(ms, `${file}, ${what}`).toBeLessThan(20_000);
  }
});

/** A data set of SQuAD 2.0 with two questions. */
const qas = [
  { id: "1", question: "?", answers: [{ text: "a" }] },
  { id: "2", question: "?", answers: [] },
];
const dataset = JSON.stringify({ data: [{ paragraphs: [{ context: "a", qas }] }] });
const junk: Parts = ['{"data":[', ["{},", 30_000_000], "{}]}"];
const ids = (count: number, value: string): Parts => [`{${entries(count, (i) => `"${numbered(i)}":${value}`)}}`];
const tooMany = (limit: string) =>
  new RegExp(`^fusebert: \\S+ holds more than ${limit} values; .*file its name says\\.\n$`);

const results: readonly (readonly [what: string, option: string, parts: Parts, message: RegExp, packed: boolean])[] = [
  ["90 MB of empty articles", "squad", junk, tooMany("2,500,000"), false],
  ["the same, packed to 87 kB", "squad", junk, tooMany("2,500,000"), true],
  // Within all limits: they are read, and then rejected as no data set.
  ["articles without paragraphs", "squad", ['{"data":[', ['{"paragraphs":[]},', 830_000], '{"paragraphs":[]}]}'], /has no questions/, false],
  ["two million keys", "squad", [`{"data":[],${entries(2_490_000, (i) => `"${numbered(i)}":""`)}}`], /has no questions/, false],
  ["a million predictions", "--score-only", ids(1_000_000, '""'), tooMany("800,000"), false],
  ["predictions of other questions", "--score-only", ids(790_000, '""'), /has no prediction for any question/, false],
  ["a million null odds", "--null-odds", ids(1_000_000, "0"), tooMany("800,000"), false],
  ["500 MB of NULs, packed", "squad", [["\0", 500_000_000]], /has a NUL byte at offset 0 when unpacked/, true],
]; // biome-ignore format: a table

test.each(results)("%s where %s is read", async (what, option, parts, message, packed) => {
  const unpacked = join(folder, "results.json");
  await writeParts(unpacked, parts);
  const path = packed ? `${unpacked}.gz` : unpacked;
  if (packed) await pipeline(createReadStream(unpacked), createGzip({ level: 9 }), createWriteStream(path));
  const [questions, predictions] = [join(folder, "sound.json"), join(folder, "predictions.json")];
  await writeFile(questions, dataset);
  await writeFile(predictions, '{"1":"a","2":""}');
  const files =
    option === "squad" ? [path] : [questions, "--score-only", option === "--score-only" ? path : predictions];
  if (option === "--null-odds") files.push(option, path);
  const started = performance.now();
  const command = [join(repositoryRoot, "bin/fusebert.js"), "evaluate", "squad", ...files];
  const { status, stderr } = spawnSync(process.execPath, ["--max-old-space-size=256", ...command], {
    encoding: "utf8",
  });
  console.log(`${what}: ${Math.round(performance.now() - started)} ms`);
  expect(stderr).toMatch(message);
  expect(status).toBe(2);
});
