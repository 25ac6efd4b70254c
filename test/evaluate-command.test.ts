/**
 * `fusebert evaluate squad` as users and scripts run it: figures, files, interruption, bad input.
 */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NBestEntry } from "../src/evaluate/prediction.ts";
import { runCommand, startCommand } from "./support/command.ts";
import { repositoryRoot } from "./support/golden.ts";
import { writeSmallModel } from "./support/small-model.ts";

interface Report {
  readonly schema: string;
  readonly dataset: Readonly<Record<string, unknown>>;
  readonly run?: Readonly<Record<string, unknown>>;
  readonly scores: Readonly<Record<string, number>>;
  readonly missing: readonly string[];
}

const sample = (kind: string) => `${repositoryRoot}test/fixtures/squad/sample-v${kind}.json`;
const [old, recent] = [sample("1.1"), sample("2.0")];

let folder: string;
const file = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-evaluate-"));
});
afterAll(() => rm(folder, { recursive: true }));

const evaluate = (...args: readonly string[]) => runCommand(["evaluate", "squad", ...args]);
async function evaluateJson(...args: readonly string[]): Promise<Report> {
  const { code, stdout, stderr } = await evaluate(...args, "--json");
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout) as Report;
}
const readJson = async (name: string) => JSON.parse(await readFile(file(name), "utf8"));

describe("the built-in model", () => {
  test("on 1.1, as text", async () => {
    const { code, stdout, stderr } = await evaluate(old);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^SQuAD 1\.1, .*sample-v1\.1\.json: 10 questions\n/);
    expect(stdout).toMatch(/\n {2}all +\d+\.\d{3} +\d+\.\d{3} +10\n/);
    expect(stdout).not.toContain("threshold");
    expect(stdout).toMatch(/\n {2}model +built-in\n {2}engine +cpu: ONNX Runtime, f32\n {2}scoring +reference\n/);
    expect(stdout).toMatch(/\n {2}windows +10\n {2}time +[\d.]+ s, [\d.]+ questions\/s\n$/);
  });

  test("on 2.0 writes every file, and scoring the files gives the same", async () => {
    const [predictions, nbest, odds] = [file("p.json"), file("n.json"), file("o.json")];
    const report = await evaluateJson(recent, "--predictions", predictions, "--nbest", nbest, "--null-odds", odds);
    expect(report).toMatchObject({
      schema: "fusebert.evaluation/1",
      dataset: { file: recent, kind: "2.0", questions: 10, questionsInFile: 10 },
      run: {
        model: "built-in",
        device: "cpu",
        noAnswerThreshold: -2,
        scoring: "reference",
        windows: 10,
        fromJournal: 0,
      },
      scores: { total: 10, HasAns_total: 5, NoAns_total: 5 },
      missing: [],
    });
    expect(existsSync(`${predictions}.journal`)).toBe(false);
    const texts: Record<string, string> = await readJson("p.json");
    const nBest: Record<string, NBestEntry[]> = await readJson("n.json");
    const nullOdds: Record<string, number> = await readJson("o.json");
    const context = await readFile(recent, "utf8");
    for (const [id, text] of Object.entries(texts)) {
      expect(text === "").toBe((nullOdds[id] as number) > 0);
      expect(context).toContain(text);
      expect(nBest[id]?.length).toBeGreaterThan(1);
      expect(nBest[id]?.map((entry) => entry.text)).toContain(text);
    }
    const again = await evaluateJson(recent, "--score-only", predictions);
    expect(again).not.toHaveProperty("run");
    expect(report.scores).toMatchObject(again.scores);
    expect(report.scores["best_f1"]).toBeGreaterThanOrEqual(report.scores["f1"] as number);
    const best = String(report.scores["best_exact_thresh"]);
    const atBest = await evaluateJson(recent, "--threshold", best, "--predictions", predictions);
    expect(atBest.scores["exact"]).toBeCloseTo(report.scores["best_exact"] as number, 9);
    const silent = await evaluateJson(recent, "--score-only", predictions, "--null-odds", odds, "--threshold", "-999");
    expect(silent.scores).toMatchObject({ exact: 50, HasAns_exact: 0, NoAns_exact: 100 });
  });

  test("with --scoring pipeline gives the answers of fusebert answer", async () => {
    const report = await evaluateJson(old, "--scoring", "pipeline", "--limit", "1", "--predictions", file("pipe.json"));
    expect(report).toMatchObject({ dataset: { questions: 1, questionsInFile: 10 }, run: { scoring: "pipeline" } });
    const { data } = JSON.parse(await readFile(old, "utf8"));
    const { context, qas } = data[0].paragraphs[0];
    const { stdout } = await runCommand(["answer", qas[0].question, "--text", context, "--json"]);
    expect(Object.values(await readJson("pipe.json"))).toEqual([JSON.parse(stdout).answers[0].text]);
  });
});

describe("--score-only", () => {
  test("reads compressed files, and reports missing predictions and counts them as 0", async () => {
    const packed = file("old.json.gz");
    await writeFile(packed, gzipSync(await readFile(old)));
    const ids = JSON.parse(await readFile(old, "utf8")).data[0].paragraphs[0].qas.map(({ id }: { id: string }) => id);
    await writeFile(file("some.json"), JSON.stringify({ [ids[1]]: "the 1971.", other: "x" }));
    const { code, stdout, stderr } = await evaluate(packed, "--score-only", file("some.json"), "--json");
    expect(code).toBe(0);
    expect(stderr).toMatch(/^fusebert: 1 prediction \(other\) is for no question of the data set\.\n/);
    expect(stderr).toMatch(/fusebert: 9 questions \(\w+, \w+, \w+, …\) have no prediction, which counts as 0\.\n$/);
    const { scores, missing } = JSON.parse(stdout) as Report;
    expect(scores).toEqual({ exact: 10, f1: 10, total: 10 });
    expect(missing).toHaveLength(9);
  });
});

describe("an interrupted evaluation continues", () => {
  /** Enough that a model of a millisecond per window takes a while. */
  const copies = 400;
  let large: string;
  let model: string;
  beforeAll(async () => {
    const { data } = JSON.parse(await readFile(recent, "utf8"));
    const copy = (number: number) =>
      JSON.parse(JSON.stringify(data).replaceAll(/"id":"(\w+)"/g, `"id":"${number}-$1"`));
    large = file("large.json");
    await writeFile(
      large,
      JSON.stringify({ data: Array.from({ length: copies }, (_, number) => copy(number)).flat() }),
    );
    model = await writeSmallModel(file("small"));
  });

  const args = (name: string, ...more: readonly string[]) => {
    const outputs = ["--predictions", file(`${name}.json`), "--null-odds", file(`${name}-odds.json`)];
    return ["evaluate", "squad", large, "--model", model, ...outputs, ...more];
  };
  const linesOf = async (path: string) => (existsSync(path) ? (await readFile(path, "utf8")).split("\n").length : 0);
  async function untilJournalHas(lines: number, path: string): Promise<void> {
    while ((await linesOf(path)) < lines) await sleep(20);
  }

  test("to the same predictions, after Ctrl-C and after SIGKILL", async () => {
    expect((await runCommand(args("whole"))).code).toBe(0);
    const journal = file("parts.json.journal");
    const interrupted = await runCommand(args("parts", "--limit", "3000"), {
      stop: { when: untilJournalHas(100, journal), signal: "SIGINT" },
    });
    expect(interrupted.stdout).toBe("");
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toMatch(
      /^fusebert: \d+ of 3000 questions are kept in .*parts\.json\.journal; the same /,
    );
    expect(interrupted.stderr).toMatch(/fusebert: interrupted\.\n$/);
    const kept = await linesOf(journal);
    const killed = await runCommand(args("parts"), {
      stop: { when: untilJournalHas(kept + 300, journal), signal: "SIGKILL" },
    });
    expect(killed.stdout).toBe("");

    const other = await runCommand(args("parts", "--scoring", "pipeline"));
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/started with other settings: its scoring is "reference", not "pipeline"/);

    const last = await runCommand(args("parts", "--json"));
    expect(last.stderr).toMatch(/^fusebert: continuing from .*parts\.json\.journal, which has \d+ predictions\.\n$/);
    expect(last.code).toBe(0);
    const { run } = JSON.parse(last.stdout) as Report;
    expect(run?.["fromJournal"]).toBeGreaterThan(kept);
    expect(run?.["windows"]).toBe(4000);
    expect(existsSync(journal)).toBe(false);
    expect(await readJson("parts.json")).toEqual(await readJson("whole.json"));
    const [whole, parts] = [await readJson("whole-odds.json"), await readJson("parts-odds.json")];
    expect(Object.keys(parts)).toEqual(Object.keys(whole));
    for (const id of Object.keys(whole)) expect(parts[id]).toBeCloseTo(whole[id], 4);
  });

  test("not while another process runs it, but after that process was killed", async () => {
    const journal = file("shared.json.journal");
    const { child, ended } = startCommand(args("shared"));
    await untilJournalHas(50, journal);
    const second = await runCommand(args("shared"));
    expect(second.stderr).toMatch(/^fusebert: process \d+ on \S+ is working on .*shared\.json\.journal; expected one/);
    expect(second).toMatchObject({ code: 2, stdout: "" });
    child.kill("SIGKILL");
    expect((await ended).stdout).toBe("");
    const third = await runCommand(args("shared", "--json"));
    expect(third.stderr).toMatch(/^fusebert: continuing from .*shared\.json\.journal/);
    expect(third.code).toBe(0);
    expect(existsSync(`${journal}.lock`)).toBe(false);
  });

  test("not with other weights under the same name, nor from another file", async () => {
    const journal = file("changed.json.journal");
    await runCommand(args("changed"), { stop: { when: untilJournalHas(50, journal), signal: "SIGINT" } });
    await writeSmallModel(model);
    const changed = await runCommand(args("changed"));
    expect(changed.code).toBe(2);
    expect(changed.stderr).toContain("is from another model of this name");
    await writeFile(journal, "my notes\n");
    const notes = await runCommand(args("changed"));
    expect(notes.code).toBe(2);
    expect(notes.stderr).toContain("is not the journal of an evaluation");
    expect(await readFile(journal, "utf8")).toBe("my notes\n");
  });
});

describe("an error is reported in one line", () => {
  const bad = () => file("bad.json");
  const faults: Readonly<Record<string, readonly [() => readonly string[], RegExp, (string | Uint8Array)?]>> = {
    "another benchmark": [() => ["evaluate", "glue", old], /Allowed choices are squad/],
    "no file": [() => ["evaluate", "squad"], /missing required argument 'file'/],
    "a file that is missing": [() => ["evaluate", "squad", file("gone.json")], /gone\.json does not exist/],
    "a text": [() => ["evaluate", "squad", bad()], /bad\.json is not JSON/, "Who wrote it?"],
    "predictions for a data set": [() => ["evaluate", "squad", bad()], /bad\.json: data is missing/, '{"1":"Paris"}'],
    "gzip cut short": [
      () => ["evaluate", "squad", bad()],
      /bad\.json cannot be unpacked \(unexpected end of file\)/,
      gzipSync("{}").subarray(0, 15),
    ],
    "a threshold for 1.1": [() => ["evaluate", "squad", old, "--threshold", "1"], /--threshold and --null-odds only/],
    "a threshold without odds": [
      () => ["evaluate", "squad", recent, "--score-only", bad(), "--threshold", "1"],
      /--threshold is given, but would not be used/,
      "{}",
    ],
    "a model to score a file with": [
      () => ["evaluate", "squad", old, "--score-only", bad(), "--model", "x"],
      /'--score-only <predictions>' cannot be used with option '-m, --model/,
    ],
    "predictions of something else": [
      () => ["evaluate", "squad", old, "--score-only", bad()],
      /has no prediction for any question/,
      '{"1":"Paris"}',
    ],
    "a file to read and to write": [
      () => ["evaluate", "squad", bad(), "--predictions", `${folder}/./bad.json`],
      /bad\.json is named twice/,
      JSON.stringify({ data: [{ paragraphs: [{ context: "c", qas: [{ id: "1", question: "?", answers: [] }] }] }] }),
    ],
    "a limit of nothing": [() => ["evaluate", "squad", old, "--limit", "0"], /whole number of at least 1/],
    "a folder that is missing": [
      () => ["evaluate", "squad", old, "--nbest", file("gone/n.json")],
      /n\.json cannot be written.*expected a path in a folder that exists/,
    ],
  };

  test.each(Object.keys(faults))("%s", async (name) => {
    const [args, says, content] = faults[name] as (typeof faults)[string];
    if (content !== undefined) await writeFile(bad(), content);
    const result = await runCommand(args());
    expect(result.stderr).toMatch(says);
    expect(result.stdout).toBe("");
    expect(result.code).toBe(2);
    expect(result.stderr).not.toMatch(/^\s+at /m);
  });
});

test("--help has examples and describes the journal", async () => {
  const { code, stdout } = await runCommand(["evaluate", "--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Examples:[\s\S]*fusebert evaluate squad dev-v1\.1\.json\.xz/);
  expect(stdout).toContain("the same\ncommand continues from it");
});
