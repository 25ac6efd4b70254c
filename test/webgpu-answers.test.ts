/** Answers computed on a GPU equal those computed on the CPU: SQuAD questions in batches of mixed lengths, and singly. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { QuestionAnswerer } from "../src/index.ts";
import { repositoryRoot, required } from "./support/golden.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

interface Sample {
  readonly questions: readonly { readonly id: string; readonly question: string; readonly context: string }[];
}

/** The questions on the shortest paragraphs, of some 60 tokens: the software GPU computes ten tokens a second. */
function shortQuestions(count: number) {
  const file = join(repositoryRoot, "test/fixtures/squad/sample-200.json");
  const { questions } = JSON.parse(readFileSync(file, "utf8")) as Sample;
  const byLength = questions.toSorted((a, b) => a.context.length - b.context.length);
  return byLength.slice(0, count).map(({ question, context }) => ({ question, context }));
}

test.skipIf(softwareGpuMissing !== undefined).each(["f32", "f16-storage"] as const)(
  "SQuAD questions get the CPU's spans in %s, together and one by one",
  async (precision) => {
    const questions = shortQuestions(precision === "f32" ? 5 : 2);
    await using cpu = await QuestionAnswerer.load(undefined, { device: "cpu" });
    await using gpu = await QuestionAnswerer.load(undefined, {
      device: "webgpu",
      gpu: { precision, skipSelfTest: true },
    });
    expect(gpu.device).toBe("webgpu");
    expect(gpu.computedBy).toMatch(/^webgpu: .*swiftshader.*, (f32|f16-storage), O4$/i);
    expect(gpu.computedBy).toContain(precision);
    const expected = await cpu.answer(questions);
    const found = await gpu.answer(questions);
    const scoreError = precision === "f32" ? 1e-4 : 0.05;
    found.forEach(({ answers: [answer] }, index) => {
      const [wanted] = required(expected[index]).answers;
      expect([answer?.start, answer?.end, answer?.text]).toEqual([wanted?.start, wanted?.end, wanted?.text]);
      expect(Math.abs((answer?.score ?? 0) - (wanted?.score ?? 1))).toBeLessThan(scoreError);
    });
    const [first] = questions;
    const alone = await gpu.answer(required(first));
    expect(alone.answers[0]?.text).toBe(found[0]?.answers[0]?.text);
    expect(Math.abs((alone.answers[0]?.score ?? 0) - (found[0]?.answers[0]?.score ?? 1))).toBeLessThan(1e-5);
  },
);

test("GPU options are refused for other devices", async () => {
  await expect(QuestionAnswerer.load(undefined, { device: "cpu", gpu: { level: "O3" } })).rejects.toThrow(
    /level is given, and the device is cpu; expected the device webgpu/,
  );
});
