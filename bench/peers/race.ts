/**
 * Runs every job in rounds, each contestant once per round, so that other load on the machine slows all of them alike.
 *
 * Must stay true: only one contestant computes at a time.
 */
import { Contestant, type Job, type Outcome, type Question } from "./contestant.ts";
import type { Texts } from "./texts.ts";

/** By contestant; one outcome per round. */
export type Outcomes = ReadonlyMap<string, readonly Outcome[]>;

export interface Race {
  /** The engine of each contestant, as it describes itself. */
  readonly computedBy: ReadonlyMap<string, string>;
  /** The errors of contestants that could not start. */
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

/** A pause, because the threads of a process spin for some time after a computation. */
const restMs = 50;

/** Receives the next step. */
type Tell = (step: string) => void;

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
    const longText: Job = { method: "answerLong", args: [long.question, long.text] };
    return {
      failures,
      starts,
      computedBy: new Map([...field].map(([name, { computedBy }]) => [name, computedBy])),
      paragraph: await runInRounds(field, one, rounds.paragraph, (step) => tell(`one window: ${step}`)),
      long: await runInRounds(field, longText, rounds.long, (step) => tell(`a long text: ${step}`)),
      mixed: await runInRounds(field, { method: "answerAll", args: [mixed] }, rounds.mixed, (step) => {
        tell(`questions of mixed lengths: ${step}`);
      }),
    };
  } finally {
    for (const contestant of field.values()) contestant.stop();
  }
}

/** Starts a process for each contestant and round; a contestant that fails is left out of later rounds. */
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

/** Runs a warm-up round and `rounds` measured ones. */
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
