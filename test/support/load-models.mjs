/**
 * Loads the model of every folder named as an argument, with the package as it is built, and prints a line of JSON for each:
 * what came of it, and after how many milliseconds. To be run with a small heap.
 */
import { QuestionAnswerer } from "../../dist/index.js";

for (const folder of process.argv.slice(2)) {
  const started = performance.now();
  let error;
  try {
    const answerer = await QuestionAnswerer.load(folder, { device: "reference" });
    await answerer.dispose();
  } catch (thrown) {
    error = { name: thrown.name, message: thrown.message };
  }
  console.log(JSON.stringify({ folder, ms: Math.round(performance.now() - started), error }));
}
