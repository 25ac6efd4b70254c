import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRandomOdd, readGoldenBytes, unpackGolden } from "../../../test/support/golden.ts";
import type { ModelConfig } from "../../architectures/index.ts";
import { encodeSafetensors } from "../../checkpoint/safetensors.ts";
import { InputError } from "../../errors.ts";
import { toFloat64 } from "../../tensor/half.ts";
import { checkDump } from "../candidate/check-dump.ts";
import { encodeNpy, npyHeader } from "../testing/npy.ts";
import { openDump } from "./open-dump.ts";

let folder: string;
let config: ModelConfig;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-dump-"));
  const checkpoint = await openRandomOdd();
  config = checkpoint.config;
  await checkpoint.close();
});
afterAll(() => rm(folder, { recursive: true }));

const path = (...parts: string[]) => join(folder, ...parts);

test("a safetensors file of all layers is read", async () => {
  const golden = await unpackGolden("random-odd/golden.safetensors", folder);
  for (const layer of [0, 1, 2]) {
    const dump = await openDump(golden, { config, layer });
    expect(checkDump(dump, { config, layer })).toEqual({ batch: 3, sequence: 64 });
    expect([dump.name, dump.dtype, dump.stages.size]).toEqual([golden, "f32", 33]);
    expect(dump.hiddenStates?.shape).toEqual([3, 64, 96]);
    expect(dump.attentionMask?.data.reduce((sum, value) => sum + value)).toBe(7 + 33 + 64);
    expect(dump.unknown).toContain("hf_hidden_states.0");
  }
});

test("a folder of npy files is read, and a single one", async () => {
  await mkdir(path("arrays"));
  const ones = new Uint8Array(new Float32Array(2 * 96).fill(1).buffer);
  await writeFile(path("arrays", "layer.0.query.npy"), encodeNpy(npyHeader("<f4", "(1, 2, 96)"), ones));
  await writeFile(path("arrays", "key.npy"), encodeNpy(npyHeader("<f4", "(2, 96)", "True"), ones));
  await writeFile(path("arrays", "attention_mask.npy"), encodeNpy(npyHeader("|b1", "(1, 2)"), Uint8Array.of(1, 0)));
  await writeFile(path("arrays", "weights.npy"), "never read");
  await writeFile(path("arrays", "readme.txt"), "ignored");
  const dump = await openDump(path("arrays"), { config, layer: 0 });
  expect([...dump.stages.keys()].sort()).toEqual(["layer.0.key", "layer.0.query"]);
  expect([dump.unknown, dump.attentionMask?.data]).toEqual([["weights"], Int32Array.of(1, 0)]);
  expect(checkDump(dump, { config, layer: 0 })).toEqual({ batch: 1, sequence: 2 });
  const single = await openDump(path("arrays", "key.npy"), { config, layer: 2 });
  expect([...single.stages.keys()]).toEqual(["layer.2.key"]);
});

test("bfloat16 is read from safetensors", async () => {
  const data = new Uint16Array(96).fill(0x3f80);
  await writeFile(
    path("b.safetensors"),
    encodeSafetensors(new Map([["query", { dtype: "bf16", shape: [1, 96], data }]])),
  );
  const dump = await openDump(path("b.safetensors"), { config, layer: 0 });
  const query = dump.stages.get("layer.0.query");
  expect([dump.dtype, query?.shape, query && toFloat64(query)[0]]).toEqual(["bf16", [1, 1, 96], 1]);
});

test("other and damaged files are rejected with advice", async () => {
  const refusal = async (name: string) => {
    const error: unknown = await openDump(path(name), { config, layer: 0 }).then(
      () => expect.fail(`${name} is accepted`),
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(InputError);
    return error instanceof Error ? error.message : "";
  };
  expect(await refusal("none.safetensors")).toContain(
    "none.safetensors does not exist; expected a .safetensors file, or a f",
  );
  await writeFile(path("a.npz"), "PK");
  expect(await refusal("a.npz")).toContain("unpack it (unzip a.npz -d a) and name the folder");
  await writeFile(path("a.pt"), "PK");
  expect(await refusal("a.pt")).toContain("Save the tensors with safetensors.torch.save_file instead");
  await writeFile(path("text.safetensors"), "version https://git-lfs");
  expect(await refusal("text.safetensors")).toContain("dump it again");
  expect(await refusal("text.safetensors")).not.toContain("ownload");
  const golden = await readGoldenBytes("random-odd/golden.safetensors");
  await writeFile(path("cut.safetensors"), golden.subarray(0, golden.length - 1));
  expect(await refusal("cut.safetensors")).toContain("cut.safetensors");
  await mkdir(path("empty"));
  expect(await refusal("empty")).toMatch(
    /the folder .*empty has no .npy files; expected a .safetensors file, or a folder/,
  );
  await mkdir(path("almost"));
  await writeFile(path("almost", "model.safetensors"), "");
  expect(await refusal("almost")).toContain(`Did you mean ${path("almost", "model.safetensors")}?`);
  await mkdir(path("broken"));
  await writeFile(path("broken", "query.npy"), "nothing");
  expect(await refusal("broken")).toContain("query.npy does not begin as .npy files do");
});
