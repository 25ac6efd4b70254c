/**
 * The contestants against each other: every job in rounds, each contestant once a round, so that whatever else the machine
 * does slows all of them alike.
 *
 * Must stay true: only one contestant computes at a time.
 */
import { Contestant, type Job, type Outcome, type Question } from "./contestant.ts";
import type { Texts } from "./texts.ts";

/** By contestant; one outcome a round. */
export type Outcomes = ReadonlyMap<string, readonly Outcome[]>;

export interface Race {
  /** What each says it computes with; why not, for one that could not start. */
  readonly computedBy: ReadonlyMap<string, string>;
  readonly failures: ReadonlyMap<string, string>;
  /** From the start of a process to its first answer. */
  readonly starts: Outcomes;
  readonly paragraph: Outcomes;
  readonly long: Outcomes;
  readonly mixed: Outcomes;
}

export interface Rounds {
  readonly starts: number;
  readonly paragraph: number;
  readonly long: number;
  readonly mixed: number;
}

/** A process that has just computed keeps its threads awake for some time. */
const restMs = 50;

/** Where it stands, told before each step. */
type Tell = (doing: string) => void;

export async function race(
  names: readonly string[],
  folder: string,
  { sentence, paragraph, long, mixed }: Texts,
  rounds: Rounds,
  tell: Tell,
): Promise<Race> {
  const { starts, failures } = await startInRounds(names, folder, sentence, rounds.starts, tell);
  const field = new Map<string, Contestant>();
  try {
    for (const name of starts.keys()) field.set(name, await Contestant.start(name, folder, sentence));
    const one: Job = { method: "answer", args: [paragraph.question, paragraph.context] };
    const whole: Job = { method: "answerLong", args: [long.question, long.text] };
    return {
      failures,
      starts,
      computedBy: new Map([...field].map(([name, { computedBy }]) => [name, computedBy])),
      paragraph: await runInRounds(field, one, rounds.paragraph, (doing) => tell(`one window: ${doing}`)),
      long: await runInRounds(field, whole, rounds.long, (doing) => tell(`a long text: ${doing}`)),
      mixed: await runInRounds(field, { method: "answerAll", args: [mixed] }, rounds.mixed, (doing) => {
        tell(`questions of mixed lengths: ${doing}`);
      }),
    };
  } finally {
    for (const contestant of field.values()) contestant.stop();
  }
}

/** A process for each contestant and round; one that fails is left out from then on. */
async function startInRounds(names: readonly string[], folder: string, question: Question, rounds: number, tell: Tell) {
  const failures = new Map<string, string>();
  const starts = new Map<string, Outcome[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const name of names.filter((candidate) => !failures.has(candidate))) {
      tell(`first answers: round ${round} of ${rounds}, ${name}`);
      try {
        const contestant = await Contestant.start(name, folder, question);
        contestant.stop();
        starts.set(name, [...(starts.get(name) ?? []), contestant.first]);
      } catch (error) {
        failures.set(name, String(error));
      }
    }
  }
  return { starts, failures };
}

/** A round to warm up, and those that count. */
async function runInRounds(field: ReadonlyMap<string, Contestant>, job: Job, rounds: number, tell: Tell) {
  const outcomes = new Map<string, Outcome[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const [name, contestant] of field) {
      tell(`${round === 0 ? "warming up" : `round ${round} of ${rounds}`}, ${name}`);
      const outcome = await contestant.do(job);
      if (round > 0) outcomes.set(name, [...(outcomes.get(name) ?? []), outcome]);
      await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  }
  return outcomes;
}
