/**
 * Loads a model for the GPU, asks it something and disposes of it, again and again; prints the resident memory after each
 * cycle, in bytes. A process of its own, because memory is set up when one starts: see webgpu-endurance.test.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { QuestionAnswerer } from "fusebert";

const [model, cycles] = process.argv.slice(2);
for (let cycle = 0; cycle < Number(cycles); cycle++) {
  const answerer = await QuestionAnswerer.load(model, {
    device: "webgpu",
    gpu: { precision: "f32", skipSelfTest: true },
  });
  await answerer.answer({ question: "Who wrote it?", context: "Mary Shelley wrote it." });
  await answerer.dispose();
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await sleep(50);
  }
  console.log(process.memoryUsage().rss);
}
process.exit(0);
