/**
 * Differences as text: what is new and gone, and one diff for all kernels that changed alike.
 *
 * Kernels changed alike if the same lines were taken out and put in, numbers and repetitions aside: a tile's size stands in many
 * lines, and decides how often many occur.
 */
import { structuredPatch } from "diff";
import type { Comparison, Difference, Shown } from "./compare.ts";
import { withNamesOf } from "./names.ts";

/** Above this many lines no diff is computed: the kernel was rewritten. */
const longestDiff = 600;

interface Change {
  readonly text: string;
  readonly places: string[];
  /** Texts of diffs that are alike. */
  readonly variants: Set<string>;
}

/** @param maxShown diffs; the number of the others is printed. */
export function report({ kernels, differences }: Comparison, ignoreNames: boolean, maxShown: number): string {
  const aside = ignoreNames ? ", names aside" : "";
  if (differences.length === 0) return `Nothing differs${aside}: ${count(kernels, "kernel")}.\n`;
  const added = differences.filter(({ before }) => before === undefined);
  const gone = differences.filter(({ after }) => after === undefined);
  const changes = changesIn(differences, ignoreNames);
  const changed = differences.length - added.length - gone.length;
  const shown = changes.slice(0, maxShown);
  const hidden = changes.length - shown.length;
  return [
    `Of ${count(kernels, "kernel")}, ${changed} changed, ${added.length} new, ${gone.length} gone${aside}.`,
    ...listed("New", added),
    ...listed("Gone", gone),
    ...shown.map(changeText),
    ...(hidden > 0 ? [`\n${count(hidden, "more kind")} of change not shown: --most ${changes.length} shows all.`] : []),
    "",
  ].join("\n");
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;

const fewPlaces = 5;

function listed(title: string, differences: readonly Difference[]): string[] {
  if (differences.length === 0) return [];
  return [`\n${title}:`, ...placesText(differences.map(({ place }) => place))];
}

function placesText(places: readonly string[]): string[] {
  const distinct = [...new Set(places)];
  const more = distinct.length - fewPlaces;
  return [
    ...distinct.slice(0, fewPlaces).map((place) => `  ${place}`),
    ...(more > 0 ? [`  and ${count(more, "more place")}`] : []),
  ];
}

function changeText({ text, places, variants }: Change): string {
  const alike = variants.size > 1 ? `, in ${variants.size} variants` : "";
  return [`\n${count(places.length, "kernel")} changed so${alike}:`, ...placesText(places), text].join("\n");
}

function changesIn(differences: readonly Difference[], ignoreNames: boolean): Change[] {
  const changes = new Map<string, Change>();
  const known = new Map<string, Diff>();
  for (const { place, before, after } of differences) {
    if (before === undefined || after === undefined) continue;
    const pair = JSON.stringify([before, after]);
    const diff = known.get(pair) ?? diffOf(before, after, ignoreNames);
    known.set(pair, diff);
    const change = changes.get(diff.likeness) ?? { text: diff.text, places: [], variants: new Set() };
    changes.set(diff.likeness, change);
    change.places.push(place);
    change.variants.add(diff.text);
  }
  return [...changes.values()].sort((a, b) => b.places.length - a.places.length);
}

interface Diff {
  readonly text: string;
  /** The same for diffs that are alike. */
  readonly likeness: string;
}

function diffOf(before: Shown, after: Shown, ignoreNames: boolean): Diff {
  const code = ignoreNames ? withNamesOf(before.code, after.code) : after.code;
  const old = ignoreNames ? withNamesOf(before.code, before.code) : before.code;
  const patch = structuredPatch("", "", `${before.launch}\n\n${old}`, `${after.launch}\n\n${code}`, "", "", {
    context: 3,
    maxEditLength: longestDiff,
  });
  if (patch === undefined) {
    return { likeness: "written anew", text: `written anew; before:\n${before.code}\nafter:\n${after.code}` };
  }
  const lines = patch.hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines: own }) => [
    `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
    ...own,
  ]);
  const changed = lines.filter((line) => /^[-+]/.test(line)).map((line) => line.replaceAll(/\d+/g, "#"));
  return { text: lines.join("\n"), likeness: [...new Set(changed)].join("\n") };
}
