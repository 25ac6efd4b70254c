/**
 * transformers.js: its question-answering pipeline on the exported model. It has no windows, so a long text is answered
 * piece by piece.
 */
import { env, pipeline } from "@huggingface/transformers";

/** @param listLength questions per call, padded to the longest of them. */
export async function load(folder, listLength = 1) {
  env.allowRemoteModels = false;
  env.localModelPath = "";
  const ask = await pipeline("question-answering", folder, { dtype: "fp32" });
  return {
    computedBy: `transformers.js ${env.version}`,
    answer: async (question, context) => (await ask(question, context)).answer,
    async answerLong(question, { pieces }) {
      let best = { answer: "", score: -1 };
      for (const piece of pieces) {
        const found = await ask(question, piece);
        if (found.score > best.score) best = found;
      }
      return best.answer;
    },
    async answerAll(questions) {
      const answers = [];
      for (let from = 0; from < questions.length; from += listLength) {
        const list = questions.slice(from, from + listLength);
        const contexts = list.map(({ context }) => context);
        const found = await ask(
          list.map(({ question }) => question),
          contexts,
        );
        for (const { answer } of [found].flat()) answers.push(answer);
      }
      return answers;
    },
  };
}
