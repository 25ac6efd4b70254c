import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeSafetensors } from "../safetensors.ts";
import { tinyTensors } from "../testing/tiny-model.ts";
import { checkpointOf, encodeTorchLegacy, encodeTorchZip } from "../torch/testing/torch-writer.ts";
import { inspectFile } from "./inspect.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-inspect-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("valid JSON is whole, cut JSON is damaged", async () => {
  const path = join(folder, "config.json");
  expect(await inspectFile(path)).toBe("absent");
  await writeFile(path, "{}");
  expect(await inspectFile(path)).toBe("whole");
  await writeFile(path, "{");
  expect(await inspectFile(path)).toBe("damaged");
});

test.each([
  ["model.safetensors", encodeSafetensors(tinyTensors())],
  ["pytorch_model.bin", encodeTorchZip(checkpointOf(tinyTensors()))],
  ["pytorch_model-00001-of-00002.bin", encodeTorchLegacy(checkpointOf(tinyTensors()))],
])("whole tensors are whole, cut ones are damaged: %s", async (name, bytes) => {
  const path = join(folder, name);
  await writeFile(path, bytes);
  expect(await inspectFile(path)).toBe("whole");
  await writeFile(path, bytes.subarray(0, -1));
  expect(await inspectFile(path)).toBe("damaged");
});

test.skipIf(process.platform !== "linux")("an unreadable file is neither", async () => {
  const path = join(folder, "unreadable.json");
  // An ordinary file that even root cannot read.
  await symlink("/proc/self/mem", path);
  expect(await inspectFile(path)).toBe("unreadable");
});
