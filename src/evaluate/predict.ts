/**
 * Runs questions through a model: each is tokenised lazily, run in windows, and yielded after its last window.
 *
 * Must stay true: memory does not grow with the number of questions; the windows of consecutive questions form one
 * stream, so that batches are full.
 */
import type { WindowLogits } from "../answer/window-scores.ts";
import { describe } from "../checkpoint/describe.ts";
import { FusebertError, InputError } from "../errors.ts";
import { type Encoding, sliceEncoding } from "../text/encoding.ts";
import { type PairTemplate, specialCount } from "../text/pair-template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { countWindows, makeWindows, type TextWindow } from "../text/windows.ts";
import type { Prediction, PredictionCollector, ScoringMethod } from "./prediction.ts";
import type { SquadQuestion } from "./squad.ts";

/** The part of a model that prediction needs. */
export interface WindowModel {
  readonly tokenizer: Pick<Tokenizer, "encode" | "pair">;
  run<T extends { readonly window: TextWindow }>(
    items: Iterable<T>,
    signal?: AbortSignal,
  ): AsyncIterable<readonly { readonly item: T; readonly logits: WindowLogits }[]>;
}

export interface QuestionPrediction extends Prediction {
  readonly id: string;
  readonly windows: number;
  /** Whether the question was cut because it is too long. */
  readonly isShortened: boolean;
}

interface Task {
  readonly id: string;
  readonly question: Encoding;
  readonly context: Encoding;
  readonly collector: PredictionCollector;
  readonly isShortened: boolean;
  readonly windows: number;
  /** Windows computed so far. */
  computed: number;
}

/**
 * Yields predictions, several at a time, in the order they are ready.
 * @throws InputError for an empty context or a model with too few positions; errors of the model; the signal's reason.
 */
export async function* predict(
  model: WindowModel,
  questions: Iterable<SquadQuestion>,
  method: ScoringMethod,
  signal?: AbortSignal,
): AsyncGenerator<QuestionPrediction[]> {
  for await (const batch of model.run(windowsOf(model, questions, method), signal)) {
    const ready: QuestionPrediction[] = [];
    for (const { item, logits } of batch) {
      const { task, window } = item;
      task.collector.add(window, logits);
      task.computed++;
      if (task.computed < task.windows) continue;
      const { id, windows, isShortened } = task;
      ready.push({ ...task.collector.result(), id, windows, isShortened });
    }
    if (ready.length > 0) yield ready;
  }
}

function* windowsOf(
  { tokenizer }: WindowModel,
  questions: Iterable<SquadQuestion>,
  method: ScoringMethod,
): Generator<{ task: Task; window: TextWindow }> {
  let context: Encoding | undefined;
  for (const squadQuestion of questions) {
    // The questions of one paragraph are consecutive.
    if (context?.text !== squadQuestion.context) context = tokenizer.encode(squadQuestion.context);
    const task = startTask(squadQuestion, context, tokenizer.encode(squadQuestion.question), tokenizer.pair, method);
    const options = method.windowOptions(task.question.length, specialCount(tokenizer.pair));
    for (const window of makeWindows(task.question, context, tokenizer.pair, options)) yield { task, window };
  }
}

function startTask(
  { id }: SquadQuestion,
  context: Encoding,
  question: Encoding,
  pair: PairTemplate,
  method: ScoringMethod,
): Task {
  if (context.length === 0) throw unreadable(id, "has an empty context");
  const isShortened = question.length > method.maxQuestionLength;
  const read = isShortened ? sliceEncoding(question, 0, method.maxQuestionLength) : question;
  return {
    id,
    question: read,
    context,
    collector: method.collector(context, read.length, specialCount(pair)),
    isShortened,
    windows: windowCount(id, read, context, pair, method),
    computed: 0,
  };
}

function windowCount(
  id: string,
  question: Encoding,
  context: Encoding,
  pair: PairTemplate,
  method: ScoringMethod,
): number {
  try {
    return countWindows(
      question.length,
      context.length,
      pair,
      method.windowOptions(question.length, specialCount(pair)),
    );
  } catch (error) {
    throw error instanceof FusebertError ? unreadable(id, `cannot be read: ${error.message}`) : error;
  }
}

function unreadable(id: string, fault: string): InputError {
  return new InputError({
    found: `the question ${describe(id)} ${fault}`,
    expected: "one that the model can read",
  });
}
