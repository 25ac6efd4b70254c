/**
 * The journal of an evaluation: the predictions so far, so that an interrupted run can continue.
 *
 * One JSON value per line: first the head, which identifies the run, then predictions in the order they were made. The
 * last line may be cut anywhere, where the process or the machine stopped.
 *
 * Must stay true: everything that changes a prediction is in the head, so that predictions of different runs never mix;
 * a file that is not a journal is never overwritten.
 */
import * as v from "valibot";
import { describe } from "../checkpoint/describe.ts";
import { InputError } from "../errors.ts";
import { jsonText } from "../format/json.ts";
import { checkJsonSize } from "../format/json-limits.ts";
import type { QuestionPrediction } from "./predict.ts";
import type { SquadDataset } from "./squad.ts";

/** Identifies a run. The keys are used in error messages. */
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

/** The contexts of a data set, by question id. */
export type Contexts = ReadonlyMap<string, string>;

/** A hash of the questions and contexts, independent of file formatting and answers. */
export async function fingerprintOf({ kind, questions }: SquadDataset): Promise<string> {
  const content = JSON.stringify([kind, questions.map(({ id, question, context }) => [id, question, context])]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(content));
  return Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function formatLine(value: JournalHead | QuestionPrediction): string {
  return `${jsonText(value)}\n`;
}

/**
 * Reads the predictions in a journal's complete lines.
 * @param name of the file, for errors.
 * @param contexts of the data set.
 * @throws InputError if it is not a journal, has another head, or is damaged; the error names the line.
 */
export function readJournal(text: string, head: JournalHead, name: string, contexts: Contexts): QuestionPrediction[] {
  const predictions: QuestionPrediction[] = [];
  const lineOf = new Map<string, number>();
  let number = 0;
  for (const line of completeLines(text)) {
    number++;
    if (number === 1) checkHead(line, head, name);
    else predictions.push(readLine(line, number, { name, contexts, lineOf }));
  }
  if (number === 0) checkCutHead(text, head, name);
  return predictions;
}

/** Lines that end in a line break; the rest was cut. Lazy, because reading stops at the first damaged line. */
function* completeLines(text: string): Generator<string> {
  let start = 0;
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
    yield text.slice(start, end);
    start = end + 1;
  }
}

interface Reading {
  readonly name: string;
  readonly contexts: Contexts;
  /** Line numbers by question id; `readLine` adds to it. */
  readonly lineOf: Map<string, number>;
}

function readLine(line: string, number: number, { name, contexts, lineOf }: Reading): QuestionPrediction {
  const damaged = (fault: string): InputError =>
    new InputError({
      found: `${name} is damaged in line ${number}${fault}`,
      expected: "one prediction for each question, in the order they were made",
      advice: "Delete that line to predict its question again, or delete the file to start over.",
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

/** A file without a complete line must be a beginning of the same head, cut while it was written. */
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
      advice: "Delete the file to start over.",
    });
  }
  for (const [key, now] of Object.entries(head)) {
    if (before[key] === now) continue;
    const change =
      key === "questions" ? "its questions differ" : `its ${key} is ${describe(before[key])}, not ${describe(now)}`;
    throw new InputError({
      found: `${name} was started with other settings: ${change}`,
      expected: "the same",
      advice: "Use the options it was started with, or delete it to start over.",
    });
  }
}

function notAJournal(name: string): InputError {
  return new InputError({
    found: `${name} is not the journal of an evaluation`,
    expected: "a journal, or no file",
    advice: "Move it elsewhere, or name another file for the result.",
  });
}

/** @returns `undefined` if it is not JSON, or too large. */
function parsed(line: string): unknown {
  try {
    checkJsonSize(line, { Fault: InputError, name: "", advice: "" });
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
