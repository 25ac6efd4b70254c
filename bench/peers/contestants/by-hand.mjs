/**
 * Question answering written by hand on ONNX Runtime with the exported model and a tokenizer: one run per window, without
 * padding, and the best of all spans of at most 15 tokens.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";

const windowTokens = 384;
const sharedTokens = 128;
const longestAnswer = 15;

/** @param createSession creates a session from the model's path. */
export async function loadByHand(folder, { Tensor }, createSession, computedBy) {
  const json = async (name) => JSON.parse(await readFile(join(folder, name), "utf8"));
  const tokenizer = new Tokenizer(await json("tokenizer.json"), await json("tokenizer_config.json"));
  const session = await createSession(join(folder, "onnx", "model.onnx"));
  const idsOf = (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
  const cls = tokenizer.token_to_id("[CLS]");
  const sep = tokenizer.token_to_id("[SEP]");

  async function logitsOf(ids, contextAt) {
    const tensor = (value) => new Tensor("int64", BigInt64Array.from(ids, value), [1, ids.length]);
    const outputs = await session.run({
      input_ids: tensor((id) => BigInt(id)),
      attention_mask: tensor(() => 1n),
      token_type_ids: tensor((_, index) => (index < contextAt ? 0n : 1n)),
    });
    return [outputs.start_logits.data, outputs.end_logits.data];
  }

  async function answer(question, context) {
    const questionIds = idsOf(question);
    const contextIds = idsOf(context);
    const contextAt = questionIds.length + 2;
    const maxTokens = windowTokens - contextAt - 1;
    let best = { score: -1, ids: [] };
    for (let from = 0; ; from += maxTokens - sharedTokens) {
      const part = contextIds.slice(from, from + maxTokens);
      const [start, end] = await logitsOf([cls, ...questionIds, sep, ...part, sep], contextAt);
      const span = bestSpan(start, end, contextAt, contextAt + part.length);
      if (span.score > best.score) {
        best = { score: span.score, ids: part.slice(span.first - contextAt, span.last + 1 - contextAt) };
      }
      if (from + maxTokens >= contextIds.length) break;
    }
    return tokenizer.decode(best.ids);
  }

  return {
    computedBy,
    answer,
    answerLong: (question, { context }) => answer(question, context),
    async answerAll(questions) {
      const answers = [];
      for (const { question, context } of questions) answers.push(await answer(question, context));
      return answers;
    },
  };
}

/** The largest product of start and end probabilities, each a softmax over the context's tokens. */
function bestSpan(start, end, from, to) {
  const starts = softmax(start.subarray(from, to));
  const ends = softmax(end.subarray(from, to));
  let best = { score: -1, first: from, last: from };
  for (let first = 0; first < starts.length; first++) {
    for (let last = first; last < Math.min(ends.length, first + longestAnswer); last++) {
      const score = starts[first] * ends[last];
      if (score > best.score) best = { score, first: from + first, last: from + last };
    }
  }
  return best;
}

function softmax(logits) {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}
