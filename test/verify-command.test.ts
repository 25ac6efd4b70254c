/**
 * `fusebert verify` as a kernel engineer runs it: the default run, dumps, imitations, reports, bad input.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeSafetensors } from "../src/checkpoint/safetensors.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import type { VerifyReport } from "../src/verify/report/report.ts";
import { runCommand } from "./support/command.ts";
import { goldenFolder, readGolden, readGoldenBytes, required, unpackGolden } from "./support/golden.ts";
import { portCandidate } from "./support/port-candidate.ts";
import { writeSmallModel } from "./support/small-model.ts";

const oddModel = `${goldenFolder}/random-odd`;
const candidatePath = (name: string) => `random-odd/candidates/${name}.safetensors`;

let folder: string;
const file = (name: string) => join(folder, name);
const candidateFile = (name: string) => file(candidatePath(name));
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-verify-"));
  for (const name of ["faithful", "gelu-tanh", "relu"]) await unpackGolden(candidatePath(name), folder);
});
afterAll(() => rm(folder, { recursive: true }));

const readReport = async (path: string) => JSON.parse(await readFile(path, "utf8")) as VerifyReport;

describe("with no arguments", () => {
  test("every step of the demonstration passes on both CPU engines", async () => {
    const json = file("default.json");
    const { code, stdout, stderr } = await runCommand(["verify", "--json", json, "--html", file("default.html")]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    for (const heading of [
      /^1 {2}Unit weights/m,
      /^2 {2}Embeddings/m,
      /^3 {2}Layer 0/m,
      /^4 .*layouts/m,
      /^5 {2}Diagnosis/m,
    ]) {
      expect(stdout).toMatch(heading);
    }
    expect(stdout).toMatch(/^PASSED/m);

    const report = await readReport(json);
    expect(report.schema).toBe("fusebert.verify/1");
    expect(report.candidates.map(({ name, passed }) => [name, passed])).toEqual([
      ["cpu", true],
      ["reference", true],
    ]);
    // The exact test: 0.5 everywhere, at both sizes, on every engine.
    const exact = report.unitWeights.filter(({ kind }) => kind === "exact");
    expect(exact.map(({ size, candidate, verdict }) => [size, candidate, verdict])).toEqual([
      ["built-in", "cpu", "IDENTICAL"],
      ["built-in", "reference", "IDENTICAL"],
      ["BERT-base", "cpu", "IDENTICAL"],
      ["BERT-base", "reference", "IDENTICAL"],
    ]);
    for (const { found } of exact) expect(found.rows.flat().every((value) => value === 0.5)).toBe(true);
    const demos = report.unitWeights.filter(({ kind }) => kind === "demo");
    expect(demos).toHaveLength(4);
    for (const { passed, illConditioned, statistics } of demos) {
      expect([passed, illConditioned, statistics.nan, statistics.infinite]).toEqual([true, true, 0, 0]);
    }
    for (const { layouts } of report.candidates) {
      expect(
        layouts.map(({ recognised, comparison, asExpected }) => [recognised, comparison.verdict, asExpected]),
      ).toEqual([
        ["the original layout", "GOOD", true],
        ["Q, K, V transposed", "POOR", true],
        ["everything transposed", "POOR", true],
        ["the attention output transposed", "POOR", true],
        ["the original layout", "GOOD", true],
      ]);
      expect(layouts.map(({ sameBytesAs }) => sameBytesAs)).toEqual([[5], [], [], [], [1]]);
    }
    const [f16, bf16] = required(report.embeddings ?? undefined).roundTrips;
    // The built-in weights are fp16, but sums and LayerNorm leave fp16's grid.
    expect(required(f16).statistics.l2Relative).toBeLessThan(2 ** -11);
    expect(required(bf16).statistics.l2Relative).toBeGreaterThan(2 ** -11);
    expect(await readFile(file("default.html"), "utf8")).toContain("<!doctype html>");
  });
});

describe("a candidate", () => {
  test("that is faithful passes, with exit code 0", async () => {
    const { code, stdout } = await runCommand([
      "verify",
      "--model",
      oddModel,
      "--candidate",
      candidateFile("faithful"),
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("It computes what the original computes");
  });

  test("that deviates within rounding is GOOD, named, and exits 0", async () => {
    const { code, stdout } = await runCommand([
      "verify",
      "--model",
      oddModel,
      "--candidate",
      candidateFile("gelu-tanh"),
    ]);
    expect(code).toBe(0);
    expect(stdout.replace(/\s+/g, " ")).toContain("It computes GELU by its tanh approximation, not by erf.");
  });

  test("that deviates fails, explained, with exit code 1", async () => {
    const json = file("relu.json");
    const args = ["verify", "--model", oddModel, "--candidate", candidateFile("relu"), "--json", json];
    const { code, stdout } = await runCommand(args);
    expect(code).toBe(1);
    expect(stdout).toContain("It uses ReLU instead of GELU.");
    const report = await readReport(json);
    expect(report.candidates[0]?.layers[0]?.diagnosis.causes).toMatchObject([
      { id: "relu", stages: ["layer.0.intermediate"] },
    ]);
  });

  test("souffle reproduces the demo's failure and explains it", async () => {
    const args = ["verify", "--model", oddModel, "--candidate", "souffle", "--json", "-"];
    const { code, stdout } = await runCommand(args);
    expect(code).toBe(1);
    const report = JSON.parse(stdout) as VerifyReport;
    const [candidate] = report.candidates;
    expect(candidate?.verdict).toBe("POOR");
    expect(candidate?.layouts.map(({ comparison }) => comparison.verdict)).toEqual(Array(5).fill("POOR"));
    const unit = required(report.unitWeights.find(({ kind, size }) => kind === "demo" && size === "BERT-base"));
    expect(unit.verdict).toBe("NON-FINITE");
    // Queries and keys of 768 each: their product over 64 of a head, divided by 8, does not fit in fp16.
    expect(unit.overflow).toMatchObject({ stage: "layer.0.attention_scores", limit: 65_504 });
    expect(unit.overflow?.magnitude).toBeCloseTo((768 * 768 * 64) / 8, -5);
    expect(candidate?.layers[0]?.diagnosis.sentence).toMatch(/ReLU/);
  });

  test("from a folder of .npy files is judged like a safetensors file", async () => {
    const dump = file("npy");
    const tensors = await readGolden("random-odd/candidates/scale-hidden.safetensors");
    await cp(oddModel, dump, { recursive: true, filter: (path) => path === oddModel });
    for (const [name, tensor] of tensors) await writeFile(join(dump, `${name}.npy`), npy(tensor));
    const { code, stdout } = await runCommand(["verify", "--model", oddModel, "--candidate", dump]);
    expect(code).toBe(1);
    expect(stdout.replace(/\s+/g, " ")).toContain("multiplies the attention scores by 1/√hidden");
  });

  test("with several rows and no mask is inconclusive, unless --inputs has the mask", async () => {
    const tensors = await readGolden("random-odd/candidates/faithful.safetensors");
    const mask = required(tensors.get("attention_mask"));
    tensors.delete("attention_mask");
    await writeFile(file("no-mask.safetensors"), encodeSafetensors(tensors));
    await writeFile(file("mask.safetensors"), encodeSafetensors(new Map([["attention_mask", mask]])));
    const args = ["verify", "--model", oddModel, "--candidate", file("no-mask.safetensors")];
    const without = await runCommand(args);
    expect(without.code).toBe(1);
    expect(without.stdout.replace(/\s+/g, " ")).toMatch(/INCONCLUSIVE.*3 rows and no attention_mask/);
    const withMask = await runCommand([...args, "--inputs", file("mask.safetensors")]);
    expect(withMask.code).toBe(0);
  });

  test("made from exported inputs matches by construction, and padding is not compared", async () => {
    const exported = file("port");
    const text = "A kernel is only as good as its proof.";
    const args = ["verify", "--write-inputs", exported, "--text", text, "--sequence-length", "24"];
    const written = await runCommand(args);
    expect(written.code).toBe(0);
    expect(written.stdout).toMatch(/inputs\.safetensors[\s\S]*weights\.safetensors[\s\S]*dump\.py/);
    expect(await readFile(join(exported, "dump.py"), "utf8")).toContain("candidate.safetensors");

    const candidate = file("candidate.safetensors");
    await writeFile(candidate, await portCandidate({ text, sequenceLength: 24 }));
    const inputs = join(exported, "inputs.safetensors");
    const same = await runCommand(["verify", "--candidate", candidate, "--inputs", inputs, "--json", "-"]);
    const report = JSON.parse(same.stdout) as VerifyReport;
    expect(report).toMatchObject({ passed: true, sequence: 24 });
    const query = report.candidates[0]?.layers[0]?.stages.find(({ stage }) => stage === "layer.0.query");
    // 13 tokens of 24.
    expect(query?.propagated?.statistics.count).toBe(13 * 256);
  });
});

/** NumPy's format, version 1.0. */
function npy({ dtype, shape, data }: Tensor): Uint8Array {
  const descr = { f16: "<f2", f32: "<f4", f64: "<f8", i32: "<i4", i64: "<i8", u8: "|u1", bf16: "<V2" }[dtype];
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const prefix = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 0xff, padded.length >> 8]);
  return Buffer.concat([
    prefix,
    Buffer.from(padded, "latin1"),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ]);
}

describe("all layers", () => {
  test("of a model are verified in one chain", async () => {
    const args = ["verify", "--model", oddModel, "--layer", "all", "--device", "cpu", "--json", "-"];
    const { code, stdout } = await runCommand(args);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as VerifyReport;
    expect(report.candidates[0]?.layers.map(({ layer, verdict }) => [layer, verdict])).toEqual([
      [0, "GOOD"],
      [1, "GOOD"],
      [2, "GOOD"],
    ]);
  });
});

describe("an error is reported in one line", () => {
  interface Fault {
    readonly args: readonly string[];
    readonly says: RegExp;
    readonly dump?: (tensors: Map<string, Tensor>) => void;
  }
  const judged = () => ["--model", oddModel, "--candidate", file("bad.safetensors")];
  const faults: Readonly<Record<string, () => Fault>> = {
    "a candidate that is no file and no name": () => ({
      args: ["--candidate", "soufflé"],
      says: /neither a file nor the name/,
    }),
    "a layer that does not exist": () => ({ args: ["--layer", "12"], says: /--layer is "12"; expected 0 to 11/ }),
    "a layer that is no number": () => ({ args: ["--layer", "first"], says: /--layer is "first"/ }),
    "a level without a GPU": () => ({
      args: ["--level", "O3"],
      says: /level is given, and the device is auto; expected the device webgpu/,
    }),
    "an unknown level": () => ({ args: ["--level", "O9"], says: /Allowed choices are O0, O1, O2, O3, O4/ }),
    "a precision no engine has": () => ({ args: ["--precision", "f16"], says: /--precision is f16; expected f32/ }),
    "an unknown precision": () => ({
      args: ["--precision", "f8"],
      says: /Allowed choices are auto, f32, f16, bf16, f16-storage/,
    }),
    "a budget of nothing": () => ({ args: ["--budget", "0"], says: /--budget is 0; expected a number above 0/ }),
    "two texts": () => ({ args: ["--text", "a", "--context", "b"], says: /both --text and --context/ }),
    "a sequence longer than the model's": () => ({ args: ["--sequence-length", "600"], says: /expected at most 512/ }),
    "inputs without a dump": () => ({ args: ["--inputs", "x.safetensors"], says: /--inputs is given without a dump/ }),
    "a dump of the wrong shape": () => ({
      args: judged(),
      dump: (tensors) => tensors.set("layer.0.query", { dtype: "f32", shape: [3, 64, 5], data: new Float32Array(960) }),
      says: /layer\.0\.query.*\[3, 64, 5\].*\[3, 64, 96\]/,
    }),
    "a dump of integers": () => ({
      args: judged(),
      dump: (tensors) => tensors.set("layer.0.query", { dtype: "i32", shape: [1], data: new Int32Array(1) }),
      says: /layer\.0\.query.* i32; expected f16, bf16, f32 or f64/,
    }),
    "a dump without any stage": () => ({
      args: judged(),
      dump: (tensors) => {
        for (const name of [...tensors.keys()]) if (name.startsWith("layer.")) tensors.delete(name);
        tensors.set("layer.0.querry", { dtype: "f32", shape: [1], data: new Float32Array(1) });
      },
      says: /querry/,
    }),
    "a mask of the wrong length": () => ({
      args: judged(),
      dump: (tensors) =>
        tensors.set("attention_mask", { dtype: "i32", shape: [3, 5], data: new Int32Array(15).fill(1) }),
      says: /attention_mask/,
    }),
    "a dump of another layer": () => ({ args: [...judged(), "--layer", "2"], says: /layer/ }),
    "a truncated dump": () => ({
      args: ["--model", oddModel, "--candidate", file("cut.safetensors")],
      says: /cut\.safetensors/,
    }),
    "a report in a folder that does not exist": () => ({
      args: ["--model", oddModel, "--candidate", candidateFile("faithful"), "--json", file("nowhere/report.json")],
      says: /cannot be written/,
    }),
  };

  test.each(Object.keys(faults))("%s", async (name) => {
    const { args, says, dump } = (faults[name] as () => Fault)();
    if (dump !== undefined) {
      const tensors = await readGolden("random-odd/candidates/faithful.safetensors");
      dump(tensors);
      await writeFile(file("bad.safetensors"), encodeSafetensors(tensors));
    }
    const whole = await readGoldenBytes(candidatePath("faithful"));
    await writeFile(file("cut.safetensors"), whole.subarray(0, whole.length - 100));
    const result = await runCommand(["verify", ...args]);
    expect(result.stderr).toMatch(says);
    expect(result.code).toBe(2);
    expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

test("weights of zeros are verified, with a warning", async () => {
  const model = await writeSmallModel(file("zeros"), () => 0);
  const { code, stderr } = await runCommand([
    "verify",
    "--model",
    model,
    "--device",
    "cpu",
    "--text",
    "Nothing at all.",
  ]);
  expect(stderr).toMatch(/^fusebert: warning: .*zeros: \d+ weights, such as "[\w.]+", are nothing but zeros: .*\n$/);
  expect(code).not.toBe(3);
});
