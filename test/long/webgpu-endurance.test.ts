/**
 * What a GPU is put through in a long life: models loaded and disposed of again and again, a device that is lost in the
 * middle of a thousand questions, memory that does not suffice, several models at once.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { EngineError, type Question, QuestionAnswerer } from "../../src/index.ts";
import type { DawnOptions } from "../../src/platform/dawn.ts";
import { builtPackage } from "../support/build.ts";
import { type Faults, faultyGpu } from "../support/faulty-gpu.ts";
import { required } from "../support/golden.ts";
import { novel } from "../support/novel.ts";
import { writeSmallModel } from "../support/small-model.ts";
import { softwareGpuMissing } from "../support/software-gpu.ts";

const faults = vi.hoisted((): Faults => ({ devices: 0 }));
vi.mock("../../src/platform/dawn.ts", async (importOriginal) => {
  const { loadDawn } = await importOriginal<typeof import("../../src/platform/dawn.ts")>();
  return { loadDawn: async (options?: DawnOptions) => faultyGpu(await loadDawn(options), faults) };
});

let folder: string;
let model: string;

beforeAll(async () => {
  await builtPackage();
  folder = await mkdtemp(join(tmpdir(), "fusebert-endurance-"));
  model = await writeSmallModel(join(folder, "small"));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => {
  for (const name of Object.keys(faults)) Reflect.deleteProperty(faults, name);
  faults.devices = 0;
});

const question = "Who wrote the novel?";
const load = () => QuestionAnswerer.load(model, { device: "webgpu", gpu: { precision: "f32", skipSelfTest: true } });

/** Texts of many lengths. */
async function questionsOf(count: number): Promise<Question[]> {
  const text = await novel(100_000);
  return Array.from({ length: count }, (_, index) => {
    const start = (index * 89) % 90_000;
    return { question, context: text.slice(start, start + 40 + ((index * 37) % 400)), id: `q${index}` };
  });
}

const spansOf = (result: { readonly answers: readonly { readonly start: number; readonly end: number }[] }) =>
  result.answers.map(({ start, end }) => [start, end]);

const onGpu = test.skipIf(softwareGpuMissing !== undefined);

onGpu("fifty models loaded, asked and disposed of leave memory as it was", async () => {
  const script = fileURLToPath(new URL("load-cycles.mjs", import.meta.url));
  const patient = fileURLToPath(new URL("../support/unhurried-dawn.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--expose-gc", "--import", patient, script, model, "50"],
    // The GPU's driver compiles in many threads, and glibc would keep what each of them once had.
    { env: { ...process.env, MALLOC_ARENA_MAX: "1" } },
  );
  const resident = stdout
    .trim()
    .split("\n")
    .map((bytes) => Number(bytes) / 1e6);
  expect(resident).toHaveLength(50);
  const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [early, late] = [average(resident.slice(10, 20)), average(resident.slice(40))];
  console.log(`50 cycles: ${early.toFixed(0)} MB after 10 to 20, ${late.toFixed(0)} MB after 40 to 50`);
  // A device that was kept, or a model, was 2 to 3 MB in each cycle.
  expect(late - early).toBeLessThan(15);
});

onGpu("a device lost in the middle of a thousand questions costs only those under way", async () => {
  const questions = await questionsOf(1000);
  await using cpu = await QuestionAnswerer.load(model, { device: "cpu" });
  const expected = await cpu.answer(questions);
  await using answerer = await load();
  let submits = 0;
  faults.onSubmit = (device) => {
    if (++submits === 5) device.destroy();
  };

  const results = await answerer.answer(questions, { onError: "return" });
  const lost = results.flatMap((result) => ("error" in result ? [result] : []));
  console.log(`device lost: ${1000 - lost.length} questions answered, ${lost.length} not`);
  expect(lost.length).toBeGreaterThan(0);
  expect(lost.length).toBeLessThan(1000);
  for (const { error, index, id } of lost) {
    expect(error).toBeInstanceOf(EngineError);
    expect([error.index, id]).toEqual([index, `q${index}`]);
  }
  results.forEach((result, index) => {
    if (!("error" in result)) expect(spansOf(result)).toEqual(spansOf(required(expected[index])));
  });

  const again = await answerer.answer(lost.map(({ index }) => required(questions[index])));
  again.forEach((result, place) => {
    expect(spansOf(result)).toEqual(spansOf(required(expected[required(lost[place]).index])));
  });

  submits = 0;
  await expect(answerer.answer(questions)).rejects.toThrow(EngineError);
  submits = 0;
  const streamed = new Set<number>();
  for await (const item of answerer.stream(questions, { onError: "return" })) {
    if (!("error" in item)) streamed.add(item.index);
  }
  console.log(`device lost: ${streamed.size} of 1000 streamed all the same`);
  expect(streamed.size).toBeGreaterThan(500);
});

onGpu("without memory for large work the small is still done", async () => {
  await using answerer = await load();
  const small = { question, context: "Mary Shelley wrote the novel." };
  const before = await answerer.answer(small);
  faults.memory = 2 ** 16;
  await expect(answerer.answer({ question, context: await novel(50_000) })).rejects.toThrow(/memory/);
  expect(await answerer.answer(small)).toEqual(before);
  delete faults.memory;
  expect((await answerer.answer({ question, context: await novel(50_000) })).windows).toBeGreaterThan(10);
});

onGpu("four models at once answer as one does", async () => {
  const questions = await questionsOf(50);
  const answerers = await Promise.all([load(), load(), load(), load()]);
  try {
    const alone = await required(answerers[0]).answer(questions);
    const together = await Promise.all(answerers.map((answerer) => answerer.answer(questions)));
    for (const results of together) expect(results.map(spansOf)).toEqual(alone.map(spansOf));
  } finally {
    await Promise.all(answerers.map((answerer) => answerer.dispose()));
  }
});
