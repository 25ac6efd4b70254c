/**
 * The journal of an evaluation: what has been predicted so far, so that a run that was interrupted can go on.
 *
 * One JSON value a line. The first says what the predictions are of; each other one is a prediction, in the order they were
 * made. The last line may be cut anywhere, where the process or the machine stopped.
 *
 * Must stay true: whatever changes a prediction is in the head, so that predictions of two kinds never mix; a file that is
 * no journal is never written over.
 */
import * as v from "valibot";
import { describe } from "../checkpoint/describe.ts";
import { InputError } from "../errors.ts";
import { jsonText } from "../format/json.ts";
import { checkJsonSize } from "../format/json-limits.ts";
import type { QuestionPrediction } from "./predict.ts";
import type { SquadDataset } from "./squad.ts";

/** What the predictions are of. The keys are as a person is told them. */
export interface JournalHead {
  readonly format: "fusebert.squad-journal/1";
  readonly version: string;
  /** From `fingerprintOf`. */
  readonly questions: string;
  readonly model: string;
  readonly revision: string;
  /** Adapter or runtime, precision and level. */
  readonly engine: string;
  readonly scoring: string;
  readonly "n-best": "kept" | "not kept";
}

const Line = v.object({
  id: v.string(),
  text: v.string(),
  nullOdds: v.pipe(v.number(), v.finite()),
  windows: v.pipe(v.number(), v.integer(), v.minValue(1)),
  isShortened: v.boolean(),
  nBest: v.array(
    v.object({
      text: v.string(),
      probability: v.number(),
      start_logit: v.exactOptional(v.number()),
      end_logit: v.exactOptional(v.number()),
    }),
  ),
});

/** The contexts of a data set's questions, by the questions' ids. */
export type Contexts = ReadonlyMap<string, string>;

/** The same for the same questions and contexts, whatever file they are from. */
export async function fingerprintOf({ kind, questions }: SquadDataset): Promise<string> {
  const content = JSON.stringify([kind, questions.map(({ id, question, context }) => [id, question, context])]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(content));
  return Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function formatLine(value: JournalHead | QuestionPrediction): string {
  return `${jsonText(value)}\n`;
}

/**
 * The predictions of a journal's whole lines.
 * @param name names the file in errors.
 * @param contexts of the questions that it may have predictions for.
 * @throws InputError if it is no journal, was begun for something else than `head`, or is damaged: the line is named.
 */
export function readJournal(text: string, head: JournalHead, name: string, contexts: Contexts): QuestionPrediction[] {
  const predictions: QuestionPrediction[] = [];
  const lineOf = new Map<string, number>();
  let number = 0;
  for (const line of wholeLines(text)) {
    number++;
    if (number === 1) checkHead(line, head, name);
    else predictions.push(readLine(line, number, { name, contexts, lineOf }));
  }
  if (number === 0) checkCutHead(text, head, name);
  return predictions;
}

/** Behind the last line break is nothing, or a line that was cut. The first damaged line ends the reading. */
function* wholeLines(text: string): Generator<string> {
  let start = 0;
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
    yield text.slice(start, end);
    start = end + 1;
  }
}

interface Reading {
  readonly name: string;
  readonly contexts: Contexts;
  /** The line of each question that was read; the line read now is added. */
  readonly lineOf: Map<string, number>;
}

function readLine(line: string, number: number, { name, contexts, lineOf }: Reading): QuestionPrediction {
  const damaged = (fault: string): InputError =>
    new InputError({
      found: `${name} is damaged in line ${number}${fault}`,
      expected: "one prediction for each question, in the order they were made",
      advice: "Delete that line, and its question is answered anew, or delete the file to begin anew.",
    });
  const result = v.safeParse(Line, parsed(line));
  if (!result.success) throw damaged("");
  const { id, text: answer, nBest } = result.output;
  const context = contexts.get(id);
  const before = lineOf.get(id);
  if (context === undefined) throw damaged(`: the data set has no question ${describe(id)}`);
  if (before !== undefined) throw damaged(`: line ${before} has the question ${describe(id)} already`);
  const foreign = [answer, ...nBest.map((entry) => entry.text)].find((piece) => !context.includes(piece));
  if (foreign !== undefined) throw damaged(`: the text of the question has no ${describe(foreign)}`);
  lineOf.set(id, number);
  return result.output;
}

/** Nothing but the beginning of this very head: the process stopped as it was written. */
function checkCutHead(text: string, head: JournalHead, name: string): void {
  if (!formatLine(head).startsWith(text)) throw notAJournal(name);
}

function checkHead(line: string, head: JournalHead, name: string): void {
  const found = parsed(line);
  if (typeof found !== "object" || found === null || !("format" in found)) throw notAJournal(name);
  const before: Readonly<Record<string, unknown>> = { ...found };
  const extra = Object.keys(before).find((key) => !Object.hasOwn(head, key));
  if (extra !== undefined) {
    throw new InputError({
      found: `${name} is damaged in line 1: it has ${describe(extra)}`,
      expected: "its head",
      advice: "Delete the file to begin anew.",
    });
  }
  for (const [key, now] of Object.entries(head)) {
    if (before[key] === now) continue;
    const change =
      key === "questions"
        ? "its questions are other ones"
        : `its ${key} is ${describe(before[key])}, and now ${describe(now)} is asked for`;
    throw new InputError({
      found: `${name} was begun for something else: ${change}`,
      expected: "the same",
      advice: "Go on with the options it was begun with, or delete it to begin anew.",
    });
  }
}

function notAJournal(name: string): InputError {
  return new InputError({
    found: `${name} is not the journal of an evaluation`,
    expected: "one, or no file",
    advice: "Move it elsewhere, or name another file for the result.",
  });
}

/** @returns nothing if it is not JSON, or holds more than a line does. */
function parsed(line: string): unknown {
  try {
    checkJsonSize(line, { Fault: InputError, name: "", advice: "" });
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
