/**
 * The results as a table: measurements in rows, contestants in columns, each with its ratio to fusebert.
 */
import { medianOf } from "../../src/format/median.ts";
import type { Outcome } from "./contestant.ts";
import type { Download } from "./downloads.ts";
import type { Outcomes, Race } from "./race.ts";

export interface Measured {
  readonly race: Race;
  readonly windows: number;
  readonly questions: number;
  readonly sizes: ReadonlyMap<string, number>;
  readonly downloads: ReadonlyMap<string, Download>;
}

interface Column {
  readonly name: string;
  readonly title: string;
}

const titles: Readonly<Record<string, string>> = {
  fusebert: "fusebert, CPU",
  "fusebert-wasm": "fusebert, WebAssembly",
  "fusebert-webgpu": "fusebert, WebGPU",
  transformers: "transformers.js",
  "transformers-lists": "transformers.js, lists of 8",
  "onnxruntime-node": "onnxruntime-node by hand",
  "onnxruntime-web": "onnxruntime-web by hand",
};

/** The contestant that ratios refer to. */
const baseline = "fusebert";

export function renderReport(measured: Measured): string {
  const { race, windows, questions, sizes, downloads } = measured;
  const columns = [...race.computedBy.keys()].map((name) => ({ name, title: titles[name] ?? name }));
  const seconds = (outcomes: Outcomes, unit: number, digits: number) => timeRow(columns, outcomes, unit, digits);
  const rows: [string, string[]][] = [
    ["process start to first answer, ms", seconds(race.starts, 1, 0)],
    ["a paragraph (one window), ms", seconds(race.paragraph, 1, 1)],
    [`a long text (${windows} windows), s`, seconds(race.long, 1000, 2)],
    [`${questions} SQuAD questions, answers/s`, rateRow(columns, race.mixed, questions)],
    ["same answers as fusebert", columns.map(({ name }) => agreement(race.mixed, name))],
    ["peak memory, first answer, MB", valueRow(columns, peaks(race.starts), 1e6, 0)],
    [`peak memory, ${questions} questions, MB`, valueRow(columns, peaks(race.mixed), 1e6, 0)],
    ["installed, MB", valueRow(columns, sizes, 1e6, 0)],
    ["browser downloads before the first answer, MB", valueRow(columns, sizeOf(downloads, "bytes"), 1e6, 2)],
    ["the same, compressed by gzip, MB", valueRow(columns, sizeOf(downloads, "gzipBytes"), 1e6, 2)],
  ];
  const table = [
    `| | ${columns.map(({ title }) => title).join(" | ")} |`,
    `| --- |${" --- |".repeat(columns.length)}`,
    ...rows.map(([what, cells]) => `| ${what} | ${cells.join(" | ")} |`),
  ];
  const computedBy = columns.map(({ name, title }) => `* ${title}: ${race.computedBy.get(name)}`);
  const missing = [...race.failures].map(([name, why]) => `* ${titles[name] ?? name} is not in the table: ${why}`);
  return [...table, "", ...computedBy, ...missing, ...notes.map((note) => `* ${note}`)].join("\n");
}

/** Differences between the contestants' jobs, and explanations of figures. */
const notes = [
  "Times are medians, with the fastest and slowest round in brackets; × is the ratio to fusebert on the CPU. All compute with the same weights in float32.",
  "transformers.js has no windows. The long text is given to it as 50 overlapping pieces, one by one, and the best score wins; it cuts inputs of more than 512 tokens.",
  "By hand: the same windows as fusebert, one run each, answers of at most 15 tokens; in a browser one window.",
  "Answers are compared by letters and digits only: peers return the vocabulary's tokens, in lower case and without accents. transformers.js differs where an answer has more than 15 tokens, because it has no limit.",
  "Installed: the files of the packages and their dependencies, without downloads of install scripts. fusebert includes its model and ONNX Runtime as WebAssembly; on the CPU it is counted with onnxruntime-node, on a GPU with webgpu.",
];

const sizeOf = (downloads: ReadonlyMap<string, Download>, key: "bytes" | "gzipBytes"): ReadonlyMap<string, number> =>
  new Map([...downloads].map(([name, download]) => [name, download[key]]));

const peaks = (outcomes: Outcomes): ReadonlyMap<string, number> =>
  new Map([...outcomes].map(([name, list]) => [name, Math.max(...list.map(({ peakBytes }) => peakBytes))]));

function timeRow(columns: readonly Column[], outcomes: Outcomes, unit: number, digits: number): string[] {
  const base = median(outcomes.get(baseline) ?? []);
  return columns.map(({ name }) => {
    const list = outcomes.get(name) ?? [];
    if (list.length === 0) return "–";
    const [fastest, slowest] = [Math.min, Math.max].map((pick) => pick(...list.map(({ ms }) => ms)) / unit);
    const spread = `${fastest?.toFixed(digits)}–${slowest?.toFixed(digits)}`;
    return `${(median(list) / unit).toFixed(digits)} (${spread})${ratioOf(name, median(list), base)}`;
  });
}

/** Answers per second; higher is better, so a ratio above 1 is, too. */
function rateRow(columns: readonly Column[], outcomes: Outcomes, questions: number): string[] {
  const rate = (ms: number): number => (questions / ms) * 1000;
  const base = rate(median(outcomes.get(baseline) ?? []));
  return columns.map(({ name }) => {
    const list = outcomes.get(name) ?? [];
    if (list.length === 0) return "–";
    const rates = list.map(({ ms }) => rate(ms));
    const spread = `${Math.min(...rates).toFixed(1)}–${Math.max(...rates).toFixed(1)}`;
    const value = rate(median(list));
    return `${value.toFixed(1)} (${spread})${ratioOf(name, value, base)}`;
  });
}

function valueRow(
  columns: readonly Column[],
  values: ReadonlyMap<string, number>,
  unit: number,
  digits: number,
): string[] {
  const base = values.get(baseline) ?? Number.NaN;
  return columns.map(({ name }) => {
    const value = values.get(name);
    return value === undefined ? "–" : `${(value / unit).toFixed(digits)}${ratioOf(name, value, base)}`;
  });
}

const ratioOf = (name: string, value: number, base: number): string =>
  name === baseline ? "" : ` ×${(value / base).toFixed(2)}`;

const median = (list: readonly Outcome[]): number => medianOf(list.map(({ ms }) => ms));

/** Letters and digits only: peers return the vocabulary's tokens, in lower case, without accents, separated by spaces. */
const normalized = (answer: string): string =>
  answer
    .toLowerCase()
    .normalize("NFD")
    .replace(/[^\p{L}\p{N}]/gu, "");

function agreement(outcomes: Outcomes, name: string): string {
  const ours = outcomes.get(baseline)?.[0]?.answers ?? [];
  const theirs = outcomes.get(name)?.[0]?.answers ?? [];
  const same = ours.filter((answer, index) => normalized(answer) === normalized(theirs[index] ?? "")).length;
  return name === baseline ? "" : `${same} of ${ours.length}`;
}
