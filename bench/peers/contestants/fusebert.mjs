/** fusebert as in its README, on the CPU. */
import { QuestionAnswerer } from "../../../dist/index.js";

export function load(_folder, device = "cpu") {
  return QuestionAnswerer.load(undefined, { device }).then((answerer) => ({
    computedBy: answerer.computedBy,
    answer: async (question, context) => textOf(await answerer.answer({ question, context })),
    answerLong: async (question, { context }) => textOf(await answerer.answer({ question, context })),
    answerAll: async (questions) => (await answerer.answer(questions)).map(textOf),
  }));
}

const textOf = ({ answers }) => answers[0]?.text ?? "";
