import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRandomOdd, readGolden, required } from "../../../test/support/golden.ts";
import type { Checkpoint } from "../../architectures/checkpoint.ts";
import { FolderFiles } from "../../checkpoint/node/folder-files.ts";
import { openSafetensors } from "../../checkpoint/safetensors.ts";
import { InputError } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { compareTensors } from "../compare/compare.ts";
import { realRows } from "../compare/positions.ts";
import { openDump } from "./open-dump.ts";
import { type InputsToWrite, writeInputs } from "./write-inputs.ts";

let root: string;
let checkpoint: Checkpoint;
let golden: Map<string, Tensor>;
let inputs: InputsToWrite;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fusebert-inputs-"));
  checkpoint = await openRandomOdd();
  golden = await readGolden("random-odd/golden.safetensors");
  const weights = new Map<string, Tensor>();
  for (const name of checkpoint.weights.info.keys()) weights.set(name, await checkpoint.weights.read(name));
  inputs = {
    hiddenStates: required(golden.get("layer.0.output")),
    attentionMask: required(golden.get("attention_mask")) as Tensor<"i32">,
    weights,
    config: checkpoint.config,
    layer: 1,
    modelName: "a model\n(odd)",
  };
});
afterAll(async () => {
  await checkpoint.close();
  await rm(root, { recursive: true });
});

test("inputs and weights are written so that they can be read", async () => {
  const folder = join(root, "new", "folder");
  const { written, kept } = await writeInputs(folder, inputs);
  expect(written.map((path) => path.slice(folder.length + 1))).toEqual([
    "inputs.safetensors",
    "weights.safetensors",
    "layer.json",
    "dump.py",
  ]);
  expect(kept).toEqual([]);
  const dump = await openDump(join(folder, "inputs.safetensors"), inputs);
  expect(dump.hiddenStates).toEqual(inputs.hiddenStates);
  expect(dump.attentionMask).toEqual(inputs.attentionMask);

  const source = required(await new FolderFiles(folder).open("weights.safetensors"));
  const weights = await openSafetensors(source, "weights");
  const name = "encoder.layer.1.attention.self.query.weight";
  expect(weights.tensors.size).toBe(16);
  expect(await weights.read(name)).toEqual(inputs.weights.get(name));
  await weights.close();

  const about = JSON.parse(await readFile(join(folder, "layer.json"), "utf8"));
  expect(about).toMatchObject({ layer: 1, batch: 3, sequence: 64, heads: 3, headSize: 32, layerNormEps: 1e-12 });
  expect(about.attentionScale).toBe(1 / Math.sqrt(32));
  expect(about.stages["layer.1.attention_probs"]).toEqual([3, 3, 64, 64]);
  expect(about.command).toBe("fusebert verify --candidate candidate.safetensors --inputs inputs.safetensors --layer 1");
  const script = await readFile(join(folder, "dump.py"), "utf8");
  expect(script.split("\n")[0]).toContain("# Layer 1 of a model?(odd):");
  expect(script).toContain('name = "encoder.layer.1.attention.self.query"');
  expect(script).toContain(`print("Now: ${about.command}")`);
});

test("a changed dump.py is kept", async () => {
  const folder = join(root, "again");
  expect((await writeInputs(folder, inputs)).kept).toEqual([]);
  expect((await writeInputs(folder, inputs)).kept).toEqual([]);
  await writeFile(join(folder, "dump.py"), "import mine\n");
  const { written, kept } = await writeInputs(folder, { ...inputs, layer: 0 });
  expect([written.length, kept]).toEqual([3, [join(folder, "dump.py")]]);
  expect(await readFile(join(folder, "dump.py"), "utf8")).toBe("import mine\n");
});

test("a wrong folder, layer or set of weights is an InputError", async () => {
  await writeFile(join(root, "file"), "");
  await expect(writeInputs(join(root, "file"), inputs)).rejects.toThrow(InputError);
  await expect(writeInputs(join(root, "file"), inputs)).rejects.toThrow(/inputs .*file cannot be written \(/);
  await expect(writeInputs(root, { ...inputs, layer: 3 })).rejects.toThrow("there is no layer 3; expected 0 to 2");
  await expect(writeInputs(root, { ...inputs, weights: new Map() })).rejects.toThrow("query.weight is not given");
});

/** The part of Python's safetensors that the script needs, in case it is not installed. */
const standIn = `
import json, numpy
names = {"F32": "<f4", "I32": "<i4"}
def load_file(path):
    data = open(path, "rb").read()
    start = 8 + int.from_bytes(data[:8], "little")
    entries = {name: entry for name, entry in json.loads(data[8:start]).items() if name != "__metadata__"}
    view = lambda e: numpy.frombuffer(data[start + e["data_offsets"][0]:start + e["data_offsets"][1]], names[e["dtype"]])
    return {name: view(entry).reshape(entry["shape"]) for name, entry in entries.items()}
def save_file(arrays, path):
    header, data = {}, b""
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.astype("<f4").tobytes()
    text = json.dumps(header).encode()
    open(path, "wb").write(len(text).to_bytes(8, "little") + text + data)
`;

function hasNumPy(): boolean {
  try {
    execFileSync("python3", ["-c", "import numpy"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!hasNumPy())("the unchanged script runs, and its dump is right", async () => {
  const folder = join(root, "run");
  await writeInputs(folder, inputs);
  await mkdir(join(root, "stand-in", "safetensors"), { recursive: true });
  await writeFile(join(root, "stand-in", "safetensors", "__init__.py"), "");
  await writeFile(join(root, "stand-in", "safetensors", "numpy.py"), standIn);
  const env = { ...process.env, PYTHONPATH: join(root, "stand-in") };
  const output = execFileSync("python3", ["dump.py"], { cwd: folder, env, encoding: "utf8" });
  expect(output).toContain("fusebert verify --candidate candidate.safetensors");
  const dump = await openDump(join(folder, "candidate.safetensors"), inputs);
  const candidate = required(dump.stages.get("layer.1.query"));
  const original = required(golden.get("layer.1.query"));
  const isReal = realRows(inputs.attentionMask.data, 3, 64)(original.shape);
  const { l2Relative, count } = compareTensors({ original, candidate, precision: "f32", isReal });
  expect(count).toBe((7 + 33 + 64) * 96);
  expect(l2Relative).toBeLessThan(1e-6);
});
