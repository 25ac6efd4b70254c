/**
 * Predictions as in `fusebert answer` and Hugging Face's v4 pipeline (docs/semantics.md): the answers users get,
 * whereas `reference-scoring.ts` is for comparison with published figures.
 */
import { AnswerCollector, type AnswerResult } from "../answer/answer-collector.ts";
import { resolveAnswerOptions } from "../answer/options.ts";
import { nBestSize, type Prediction, type ScoringMethod } from "./prediction.ts";

/**
 * @param maxPositions the model's longest sequence, in tokens.
 * @param hasNull whether "no answer" is a possible answer, as in SQuAD 2.0.
 */
export function pipelineScoring(maxPositions: number, hasNull: boolean): ScoringMethod {
  const options = resolveAnswerOptions({ topK: nBestSize }, maxPositions);
  return {
    maxQuestionLength: options.maxQuestionLength,
    windowOptions: () => options,
    collector: (context) => {
      const collector = new AnswerCollector(context, options);
      return {
        add: (window, logits) => collector.add(window, logits),
        result: () => toPrediction(collector.result(), hasNull),
      };
    },
  };
}

/** The null answer's probability is the smallest over all windows. */
function toPrediction({ answers, noAnswerScore }: AnswerResult, hasNull: boolean): Prediction {
  const [best] = answers;
  const entries = answers.map(({ text, score }) => ({ text, probability: score }));
  const empty = { text: "", probability: noAnswerScore };
  return {
    text: best?.text ?? "",
    nullOdds: noAnswerScore - (best?.score ?? 0),
    nBest: hasNull ? [...entries, empty].sort((a, b) => b.probability - a.probability) : entries,
  };
}
