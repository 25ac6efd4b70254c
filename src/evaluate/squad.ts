/**
 * Reads SQuAD files: articles, their paragraphs, and the questions about each with their gold answers.
 *
 * Must stay true: a data set is 2.0 if it has questions without an answer, regardless of its `version`, because the two
 * official scripts differ only there; a file that is not SQuAD is rejected with the path of the error. `answer_start`
 * is not read: no score depends on it.
 */
import * as v from "valibot";
import { describe, reasonOf } from "../checkpoint/describe.ts";
import { CHECK_FILE_KIND, InputError } from "../errors.ts";
import { checkJsonSize } from "../format/json-limits.ts";

/** The largest file, the training set of SQuAD 2.0, has some 1.2 million. This many fit in a heap of 256 MB. */
const MAX_VALUES = 2_500_000;

/** Which official rules apply: in 1.1 every question has an answer. */
export type SquadKind = "1.1" | "2.0";

export interface SquadQuestion {
  readonly id: string;
  readonly question: string;
  readonly context: string;
  /** Gold answers; empty if the text has no answer. */
  readonly answers: readonly string[];
}

export interface SquadDataset {
  readonly kind: SquadKind;
  /** In file order. */
  readonly questions: readonly SquadQuestion[];
}

const SquadJson = v.object(
  {
    data: listOf(
      v.object(
        {
          paragraphs: listOf(
            v.object(
              {
                context: text(),
                qas: listOf(
                  v.object(
                    {
                      id: text(),
                      question: text(),
                      answers: listOf(v.object({ text: text() }, "an object with a text")),
                      is_impossible: v.optional(v.boolean("true or false")),
                    },
                    "a question with id, question and answers",
                  ),
                ),
              },
              "a paragraph with context and qas",
            ),
          ),
        },
        "an article with paragraphs",
      ),
    ),
  },
  "an object with data, as SQuAD's files are",
);

/**
 * @param name of the file, for errors.
 * @throws InputError, with the path in the file, if it is not SQuAD's or contradicts itself.
 */
export function parseSquad(json: string, name: string): SquadDataset {
  const result = v.safeParse(SquadJson, parseJson(json, name, MAX_VALUES), { abortEarly: true });
  if (!result.success) throw issueError(result.issues[0], name);
  const seen = new Set<string>();
  const questions: SquadQuestion[] = [];
  for (const { context, qas } of result.output.data.flatMap(({ paragraphs }) => paragraphs)) {
    for (const { id, question, answers, is_impossible: isImpossible } of qas) {
      if (seen.has(id)) throw wrong(`${name} has the question ${describe(id)} twice`, "each id once");
      seen.add(id);
      const texts = answers.map((answer) => answer.text);
      checkImpossible(id, isImpossible, texts, name);
      questions.push({ id, question, context, answers: texts });
    }
  }
  if (questions.length === 0) throw wrong(`${name} has no questions`, "at least one");
  return { kind: questions.some(({ answers }) => answers.length === 0) ? "2.0" : "1.1", questions };
}

/** @throws InputError if the text is not JSON, nests too deep, or has too many values. */
export function parseJson(json: string, name: string, maxValues?: number): unknown {
  checkJsonSize(json, { Fault: InputError, name, advice: CHECK_FILE_KIND, maxValues });
  try {
    return JSON.parse(json);
  } catch (cause) {
    const found = json.trim() === "" ? `${name} is empty` : `${name} is not JSON (${reasonOf(cause)})`;
    throw new InputError({
      found,
      expected: "one JSON value",
      advice: "If it was cut short, get it again.",
      cause,
    });
  }
}

function text() {
  return v.string("a string");
}

function listOf<const Item extends v.GenericSchema>(item: Item) {
  return v.array(item, "a list");
}

/** Checks `is_impossible` against the answers. */
function checkImpossible(
  id: string,
  isImpossible: boolean | undefined,
  answers: readonly string[],
  name: string,
): void {
  if (isImpossible === undefined || isImpossible === (answers.length === 0)) return;
  const says = isImpossible ? "is_impossible, and has answers" : "not is_impossible, and has no answers";
  throw wrong(`${name}: the question ${describe(id)} is ${says}`, "one or the other");
}

function issueError({ path, input, message }: v.BaseIssue<unknown>, name: string): InputError {
  const place = (path ?? []).map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  const where = place === "" ? name : `${name}: ${place.slice(1)}`;
  const found = input === undefined ? `${where} is missing` : `${where} is ${describe(input)}`;
  return wrong(found, message);
}

function wrong(found: string, expected: string): InputError {
  return new InputError({
    found,
    expected,
    advice: "Take the file from SQuAD's own pages: train or dev, v1.1 or v2.0.",
  });
}
