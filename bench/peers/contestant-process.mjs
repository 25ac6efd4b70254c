/**
 * The process of a contestant: answers the first question as soon as it is loaded, then runs the jobs it receives, and
 * reports the time of each and the peak memory of the process.
 *
 *     node contestant-process.mjs NAME MODEL-FOLDER QUESTION CONTEXT
 */
const [name, folder, question, context] = process.argv.slice(2);

const peakBytes = () => process.resourceUsage().maxRSS * 1024;

try {
  const { load } = await import(`./contestants/${name}.mjs`);
  const contestant = await load(folder);
  const answer = await contestant.answer(question, context);
  process.send({ computedBy: contestant.computedBy, answers: [answer], peakBytes: peakBytes() });
  process.on("message", async ({ method, args }) => {
    try {
      const began = performance.now();
      const result = await contestant[method](...args);
      process.send({ ms: performance.now() - began, answers: [result].flat(), peakBytes: peakBytes() });
    } catch (error) {
      process.send({ error: String(error) });
    }
  });
} catch (error) {
  process.send({ error: String(error) });
}
