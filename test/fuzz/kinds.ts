/** Every kind of file that fusebert reads: a sound one, how it is damaged, and how it is read. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect } from "vitest";
import { parseConfig } from "../../src/architectures/bert/config.ts";
import { openCheckpoint } from "../../src/architectures/checkpoint.ts";
import { configWarnings } from "../../src/architectures/warnings.ts";
import { parseJsonObject } from "../../src/checkpoint/json.ts";
import { encodeSafetensors, openSafetensors } from "../../src/checkpoint/safetensors.ts";
import { parseShardIndex } from "../../src/checkpoint/shard-index.ts";
import { GuardedFiles, GuardedSource } from "../../src/checkpoint/testing/guarded-source.ts";
import { mutate, splice } from "../../src/checkpoint/testing/mutate.ts";
import { mutateJson } from "../../src/checkpoint/testing/mutate-json.ts";
import { tinyConfigJson, tinyFiles, utf8 } from "../../src/checkpoint/testing/tiny-model.ts";
import {
  checkpointOf,
  encodeTorchLegacy,
  pickleOf,
  type TorchCheckpoint,
  zipFilesOf,
} from "../../src/checkpoint/torch/testing/torch-writer.ts";
import { encodeZip } from "../../src/checkpoint/torch/testing/zip-writer.ts";
import { openTorch } from "../../src/checkpoint/torch/torch-file.ts";
import {
  kernelGeneration,
  makeTunedTiles,
  type TunedTile,
  tileSourceOf,
} from "../../src/engines/webgpu/plan/tuned-tiles.ts";
import { readTileCache, tileCachePath } from "../../src/engines/webgpu/tune/node/tile-cache.ts";
import { formatLine, type JournalHead, readJournal } from "../../src/evaluate/journal.ts";
import { parseNullOdds, parsePredictions } from "../../src/evaluate/predictions-file.ts";
import { parseSquad } from "../../src/evaluate/squad.ts";
import { elementCount, type Tensor } from "../../src/tensor/tensor.ts";
import { readNpy } from "../../src/verify/candidate/npy.ts";
import { encodeNpy, npyHeader } from "../../src/verify/testing/npy.ts";
import { type FuzzKind, REFUSED } from "./harness.ts";
import { jsonKind, loose, strict } from "./json-kind.ts";
import { encodeWith, tokenizerConfig, tokenizerKinds, tokenizerText } from "./tokenizer-kinds.ts";

const config = jsonKind(
  "config.json",
  tinyConfigJson,
  (text) => {
    const { family: _, layerNormEps, padTokenId, ...sizes } = parseConfig(text);
    expect(layerNormEps > 0 && layerNormEps < 1).toBe(true);
    expect(padTokenId >= 0 && padTokenId < sizes.vocabSize).toBe(true);
    for (const size of Object.values(sizes)) expect(Number.isInteger(size) && size >= 1 && size < 2 ** 31).toBe(true);
    expect(sizes.hiddenSize % sizes.heads).toBe(0);
    const object = parseJsonObject(text, "config.json");
    for (const warning of configWarnings(object, parseConfig(text), "config.json"))
      expect(warning.length).toBeLessThan(500);
  },
  strict,
);

const index = jsonKind(
  "shard index",
  {
    metadata: { total_size: 40 },
    weight_map: { "bert.a": "model-1.safetensors", "bert.b": "model-1.safetensors", c: "model-2.safetensors" },
  },
  (text) => {
    for (const shard of parseShardIndex(text, "index").keys()) expect(shard).not.toMatch(/[/\\:]|^\./);
  },
  strict,
);

/** What the tensors below take: 24 + 8 + 8 bytes. */
const DATA_BYTES = 40;
const tensorsFile = encodeSafetensors(
  new Map<string, Tensor>([
    ["a", { dtype: "f32", shape: [2, 3], data: new Float32Array(6) }],
    ["b", { dtype: "f16", shape: [4], data: new Uint16Array(4) }],
    ["mask", { dtype: "i32", shape: [1, 2], data: new Int32Array(2) }],
    ["none", { dtype: "u8", shape: [0], data: new Uint8Array() }],
  ]),
  { format: "pt" },
);
const headerOf: object = JSON.parse(loose(tensorsFile.subarray(8, -DATA_BYTES)));

function withLength(bytes: Uint8Array): Uint8Array {
  const file = bytes.slice();
  if (file.length >= 8 + DATA_BYTES)
    new DataView(file.buffer).setBigUint64(0, BigInt(file.length - 8 - DATA_BYTES), true);
  return file;
}

const safetensors: FuzzKind = {
  name: "safetensors",
  mutate: (random) => {
    const way = random();
    if (way < 0.3) {
      const json = utf8(mutateJson(headerOf, random));
      return withLength(splice(tensorsFile, 8, tensorsFile.length - 8 - DATA_BYTES, json));
    }
    const bytes = mutate(tensorsFile, tensorsFile.length - DATA_BYTES, random);
    // Many get a right length field, or damage to the JSON would hardly ever be reached.
    return way < 0.7 ? withLength(bytes) : bytes;
  },
  read: async (bytes) => {
    const source = new GuardedSource(bytes);
    const file = await openSafetensors(source, "m").catch((error: unknown) => {
      expect(source.closed, "a file that was refused is closed").toBe(1);
      throw error;
    });
    let total = 0;
    for (const [name, { dtype, start, end, shape }] of file.tensors) {
      expect(start <= end && end <= bytes.length).toBe(true);
      total += end - start;
      if (["F64", "F32", "F16", "BF16", "I64", "I32", "U8", "BOOL"].includes(dtype)) {
        expect((await file.read(name)).data.length).toBe(elementCount(shape));
      }
    }
    expect(total).toBeLessThan(bytes.length);
  },
};

const checkpoint: TorchCheckpoint = {
  ...checkpointOf(
    new Map<string, Tensor>([
      ["a", { dtype: "f32", shape: [2, 3], data: new Float32Array(6) }],
      ["b", { dtype: "f16", shape: [4], data: new Uint16Array(4) }],
      ["mask", { dtype: "i64", shape: [1, 2], data: new BigInt64Array(2) }],
    ]),
  ),
  isOrdered: true,
};

async function readTorch(bytes: Uint8Array): Promise<void> {
  const source = new GuardedSource(bytes);
  const file = await openTorch(source, "m").catch((error: unknown) => {
    expect(source.closed, "a file that was refused is closed").toBe(1);
    throw error;
  });
  for (const [name, { dtype, shape }] of file.tensors) {
    if (["I16", "I8"].includes(dtype)) continue;
    const { data } = await file.read(name);
    expect(data.length).toBe(elementCount(shape));
    expect(data.byteLength).toBeLessThan(bytes.length);
  }
}

const torchFiles = zipFilesOf(checkpoint);
const torchArchive = encodeZip(torchFiles);

const torchZip: FuzzKind = {
  name: "torch-zip",
  mutate: (random) => {
    if (random() < 0.3) return mutate(torchArchive, torchArchive.length, random);
    // Damage to the pickle, in an archive that is sound.
    return encodeZip(
      torchFiles.map(([path, bytes]) => [path, path.endsWith(".pkl") ? mutate(bytes, bytes.length, random) : bytes]),
    );
  },
  read: readTorch,
};

const torchPickle = pickleOf(checkpoint, true);
const torchLegacyFile = encodeTorchLegacy(checkpoint);

const torchLegacy: FuzzKind = {
  name: "torch-legacy",
  mutate: (random) =>
    random() < 0.5
      ? mutate(torchLegacyFile, torchLegacyFile.length, random)
      : encodeTorchLegacy(checkpoint, mutate(torchPickle, torchPickle.length, random)),
  read: readTorch,
};

const model: FuzzKind = {
  name: "model, one file of it",
  // Which file it is, is in the first byte.
  mutate: (random) => {
    const which = Math.floor(random() * modelNames.length);
    const sound = modelFiles[modelNames[which] ?? ""] ?? new Uint8Array();
    const damaged = mutate(sound, sound.length, random);
    return Uint8Array.of(which, ...damaged);
  },
  read: async (bytes) => {
    const files = new GuardedFiles({ ...modelFiles, [modelNames[bytes[0] ?? 0] ?? ""]: bytes.slice(1) });
    try {
      const checkpoint = await openCheckpoint(files);
      try {
        encodeWith(await checkpoint.tokenizer());
        for (const name of checkpoint.weights.info.keys()) await checkpoint.weights.read(name);
      } finally {
        await checkpoint.close();
      }
      for (const warning of checkpoint.warnings) expect(warning.length).toBeLessThan(500);
    } finally {
      expect(files.leftOpen, "everything that was opened is closed").toBe(0);
    }
  },
};
const modelFiles: Readonly<Record<string, Uint8Array>> = {
  ...tinyFiles(),
  "tokenizer.json": utf8(tokenizerText),
  "tokenizer_config.json": utf8(JSON.stringify(tokenizerConfig)),
};
const modelNames = Object.keys(modelFiles);

const qas = [
  { id: "1", question: "Who?", answers: [{ text: "Mary", answer_start: 0 }], is_impossible: false },
  { id: "2", question: "Why?", answers: [], is_impossible: true },
];
const squad = { version: "v2.0", data: [{ title: "a", paragraphs: [{ context: "Mary wrote it.", qas }] }] };

const head: JournalHead = {
  format: "fusebert.squad-journal/1",
  version: "1",
  questions: "abc",
  model: "m",
  revision: "",
  engine: "cpu",
  scoring: "reference",
  "n-best": "kept",
};
const nBest = [{ text: "Łódź", probability: 0.75, start_logit: 1, end_logit: 2 }];
const context = "She was born in Łódź 😀\n in 1886.";
const prediction = { text: "Łódź 😀\n", nullOdds: -1.5, windows: 2, isShortened: false, nBest };
const lines = ["a", "b", "c"].map((id) => ({ id, ...prediction }));
const contexts = new Map(lines.map(({ id }) => [id, context]));
const journalText = formatLine(head) + lines.map(formatLine).join("");

const journal: FuzzKind = {
  name: "journal",
  mutate: (random) => {
    if (random() < 0.5) return mutate(utf8(journalText), journalText.length, random);
    const damaged = [head, ...lines];
    const which = Math.floor(random() * damaged.length);
    return utf8(
      damaged.map((line, at) => `${at === which ? mutateJson(line, random) : JSON.stringify(line)}\n`).join(""),
    );
  },
  read: (bytes) => {
    for (const { id, nullOdds } of readJournal(loose(bytes), head, "journal", contexts)) {
      expect([typeof id, typeof nullOdds]).toEqual(["string", "number"]);
    }
  },
};

const gpu = { vendor: "made up", architecture: "none", device: "a GPU", description: "driver 1" };

const tile: TunedTile = {
  family: "matmul",
  precision: "f32",
  maxRows: null,
  shape: [64, 192],
  tile: {
    tileM: 32,
    tileN: 64,
    tileK: 8,
    workgroupSplitK: 2,
    threadTile: [4, 8],
    prefetchStages: 1,
    layout: "k-contiguous",
    splitK: 1,
  },
};

/** Through the folder that `XDG_CACHE_HOME` names. */
const tiles = jsonKind(
  "tuned tiles",
  makeTunedTiles(gpu, [tile, { ...tile, shape: [64, 64], maxRows: 64 }]),
  async (text) => {
    const path = tileCachePath(gpu);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    const found = await readTileCache(gpu);
    if (typeof found !== "object") return REFUSED;
    expect(found.kernels).toBe(kernelGeneration);
    tileSourceOf(found, "f32").tileFor("matmul", [64, 192], Number.POSITIVE_INFINITY);
    return undefined;
  },
);

const arrayFile = encodeNpy(npyHeader("<f4", "(2, 3)", "True"), new Uint8Array(24));

const npy: FuzzKind = {
  name: ".npy",
  mutate: (random) => {
    const bytes = mutate(arrayFile, arrayFile.length - 24, random).slice();
    // Half of them get a right length field, or damage to the literal would hardly ever be reached.
    if (random() < 0.5 && bytes.length >= 34) new DataView(bytes.buffer).setUint16(8, bytes.length - 34, true);
    return bytes;
  },
  read: async (bytes) => {
    const { shape, data } = await readNpy(new GuardedSource(bytes), "a.npy");
    expect(data.length).toBe(elementCount(shape));
  },
};

export const kinds: readonly FuzzKind[] = [
  config,
  index,
  safetensors,
  torchZip,
  torchLegacy,
  ...tokenizerKinds,
  model,
  jsonKind("SQuAD", squad, (text) => parseSquad(text, "squad.json")),
  jsonKind("predictions", { "1": "Mary", "2": "", "3": "Łódź" }, (text) => parsePredictions(text, "p.json")),
  jsonKind("null odds", { "1": -1.5, "2": 3, "3": 0 }, (text) => parseNullOdds(text, "o.json")),
  journal,
  tiles,
  npy,
];
