/**
 * The output of `fusebert explain`: the kernels of one level, its memory, and all levels for comparison.
 *
 * Must stay true: no line is longer than 80 columns, and text is padded before it is coloured.
 */
import pc from "picocolors";
import type { ModelConfig } from "../../architectures/index.ts";
import type { GpuPrecision } from "../../engines/webgpu/device/precision.ts";
import { allBytes } from "../../engines/webgpu/explain/costs.ts";
import { type KernelDescription, type Totals, totalsOf } from "../../engines/webgpu/explain/describe.ts";
import type { LevelDescription } from "../../engines/webgpu/explain/explain.ts";
import { sentenceOf } from "../../engines/webgpu/explain/operations.ts";
import { jsonText } from "../../format/json.ts";
import { count, formatShape } from "../../format/numbers.ts";
import { left, right, wrap } from "../../format/text-layout.ts";
import type { Level } from "../../schedule/levels.ts";
import { pairs } from "../verify/render-text.ts";

export interface ExplainSettings {
  readonly version: string;
  readonly model: string;
  readonly config: ModelConfig;
  readonly level: Level;
  readonly precision: GpuPrecision;
  readonly tokens: number;
}

/** The schema is in docs/explain.md. */
export function explainToJson(
  { version, ...settings }: ExplainSettings,
  { kernels, subprograms, tensors, totals, memory }: LevelDescription,
  ladder: readonly LevelDescription[],
): string {
  const report = {
    schema: "fusebert.explain/1",
    version,
    ...settings,
    kernels: kernels.map((kernel) => ({ ...kernel, template: kernel.kind, kind: formerKind(kernel.kind) })),
    subprograms,
    tensors,
    totals,
    memory,
    ladder: ladder.map((rung) => ({ level: rung.level, totals: rung.totals, memory: rung.memory })),
  };
  return `${jsonText(report, { indent: 2 })}\n`;
}

/** What kinds were called before version 0.2: the JSON keeps it for one version, beside `template`. */
export const formerKind = (kind: string): string => kind.replace("row-reduction", "rows");

export function renderExplanation(
  settings: ExplainSettings,
  chosen: LevelDescription,
  ladder: readonly LevelDescription[],
  allLayers: boolean,
): string {
  const { model, config, level, precision, tokens } = settings;
  const size = `${config.layers} layers, hidden ${config.hiddenSize}, ${config.heads} heads`;
  const lines = [
    ...wrap(model, 0).map(pc.bold),
    ...wrap(`${size}; level ${level}, ${precision}, ${count(tokens)} tokens`, 0),
    "",
    pc.dim(tableHead),
    ...sectionsOf(chosen.kernels, allLayers).flatMap(renderSection),
    "",
    pc.bold(row("", "all kernels", count(chosen.totals.kernels), chosen.totals)),
    "",
    ...renderMemory(chosen),
    "",
    ...renderLadder(ladder, level),
    "",
  ];
  return `${lines.map((line) => line.trimEnd()).join("\n")}`;
}

/** Consecutive layers that differ only in their number. */
export interface Section {
  readonly layers: readonly number[];
  readonly name: string;
  /** The kernels of the first of these layers. */
  readonly kernels: readonly KernelDescription[];
}

/** Kernels by section, in order; identical layers become one section. */
export function sectionsOf(kernels: readonly KernelDescription[], allLayers: boolean): Section[] {
  const groups = new Map<string, KernelDescription[]>();
  for (const kernel of kernels) {
    const key = `${kernel.section} ${kernel.layer ?? ""}`;
    groups.set(key, [...(groups.get(key) ?? []), kernel]);
  }
  const sections: { layers: number[]; kernels: readonly KernelDescription[]; likeness: string }[] = [];
  for (const group of groups.values()) {
    const layer = group[0]?.layer ?? null;
    const likeness = JSON.stringify(group.map(likenessOf));
    const last = sections.at(-1);
    if (!allLayers && layer !== null && last?.likeness === likeness) last.layers.push(layer);
    else sections.push({ layers: layer === null ? [] : [layer], kernels: group, likeness });
  }
  return sections.map(({ layers, kernels: first }) => ({ layers, name: nameOf(layers, first), kernels: first }));
}

function likenessOf({
  kind,
  subprogram,
  section,
  operations,
  shape,
  flops,
  bytes,
  stages,
}: KernelDescription): unknown {
  const part = subprogram && shortName(subprogram);
  return { kind, part, section, operations, shape, flops, bytes, stages: stages.map(shortName) };
}

function nameOf(layers: readonly number[], kernels: readonly KernelDescription[]): string {
  const [first, last] = [layers[0], layers.at(-1)];
  if (first === undefined) return kernels[0]?.section ?? "";
  return first === last ? `layer ${first}` : `layers ${first}–${last}`;
}

const shortName = (stage: string): string => stage.replace(/^layer\.\d+\./, "");

const columns = { number: 4, kind: 13, shape: 14, flops: 7, bytes: 7, intensity: 6 } as const;

const cells = (number: string, kind: string, shape: string, figures: readonly string[], intensity: string): string =>
  [
    right(number, columns.number),
    left(kind, columns.kind),
    left(shape, columns.shape),
    ...figures.map((figure) => right(figure, columns.bytes)),
    right(intensity, columns.intensity),
  ].join(" ");

const tableHead = [
  cells("", "", "", ["", "weights", "vectors", "activa-", ""], "FLOP/"),
  cells("#", "kernel", "result", ["FLOP", "B", "B", "tions B", "wrote B"], "byte"),
].join("\n");

function row(
  number: string,
  kind: string,
  shape: string,
  { flops, bytes, intensity }: Omit<Totals, "kernels">,
): string {
  const figures = [flops, bytes.weights, bytes.vectors, bytes.activations, bytes.written].map(metric);
  return cells(number, kind, shape, figures, short(intensity));
}

function renderSection({ name, layers, kernels }: Section): string[] {
  const each = layers.length > 1 ? " each" : "";
  let open: string | null = null;
  const rows = kernels.flatMap((kernel) => {
    const isNew = kernel.subprogram !== open;
    open = kernel.subprogram;
    const heading = isNew && open ? [renderHeading(`  ${shortName(open)}`, partOf(kernels, open), each)] : [];
    return [...heading, ...renderKernel(kernel, layers)];
  });
  return ["", renderHeading(pc.bold(name), kernels, each), ...rows];
}

const partOf = (kernels: readonly KernelDescription[], name: string): KernelDescription[] =>
  kernels.filter(({ subprogram }) => subprogram === name);

function renderHeading(name: string, kernels: readonly KernelDescription[], each: string): string {
  const many = `${kernels.length} kernel${kernels.length === 1 ? "" : "s"}${each}`;
  const { flops, bytes } = totalsOf(kernels);
  return `${name}  ${pc.dim(`${many}, ${metric(flops)}FLOP${each}, ${metric(allBytes(bytes))}B${each}`)}`;
}

function renderKernel(kernel: KernelDescription, layers: readonly number[]): string[] {
  const { index, kind, shape, operations, stages } = kernel;
  // In a section of several layers, a stage of the previous layer has no single number.
  const prefix = `layer.${layers[0]}.`;
  const names = stages.map((stage) => {
    if (layers.length === 0) return stage;
    if (stage.startsWith(prefix)) return shortName(stage);
    return `${shortName(stage)} of the layer before`;
  });
  const indent = columns.number + 1;
  return [
    row(String(index), kind, formatShape(shape), kernel),
    ...wrap(sentenceOf(operations.map(({ name }) => name)), indent).map(pc.cyan),
    ...(names.length === 0 ? [] : wrap(`→ ${names.join(", ")}`, indent).map(pc.dim)),
  ];
}

function renderMemory({ memory }: LevelDescription): string[] {
  const saved = 1 - memory.arenaBytes / memory.tensorBytes;
  const share = `${(saved * 100).toFixed(saved > 0.99 ? 1 : 0)} % less`;
  return [
    pc.bold("Memory"),
    ...pairs([
      { term: "tensors kernels write", value: `${count(memory.tensors)}, together ${metric(memory.tensorBytes)}B` },
      { term: "arena they share", value: `${metric(memory.arenaBytes)}B${saved > 0 ? ` (${share})` : ""}` },
      { term: "weights", value: `${metric(memory.weightBytes)}B, vectors ${metric(memory.vectorBytes)}B` },
      { term: "inputs", value: `${metric(memory.inputBytes)}B` },
    ]),
  ];
}

function renderLadder(ladder: readonly LevelDescription[], level: Level): string[] {
  const head = ["FLOP", "read", "written", "FLOP/byte", "arena"].map((name) => right(name, 10)).join("");
  return [
    pc.bold("Level by level"),
    pc.dim(`    ${left("level", 6)}${right("kernels", 8)}${head}`),
    ...ladder.map(({ level: name, totals, memory }) => {
      const read = allBytes(totals.bytes) - totals.bytes.written;
      const figures = [
        `${metric(totals.flops)}`,
        `${metric(read)}B`,
        `${metric(totals.bytes.written)}B`,
        short(totals.intensity),
        `${metric(memory.arenaBytes)}B`,
      ];
      const cellsOf = figures.map((figure) => right(figure, 10)).join("");
      const line = `  ${name === level ? "→" : " "} ${left(name, 6)}${right(count(totals.kernels), 8)}${cellsOf}`;
      return name === level ? pc.bold(line) : line;
    }),
  ];
}

/** Three digits and an SI prefix: `1.21 G`, `589 k`, `0 `. */
export function metric(value: number): string {
  const prefixes = ["", "k", "M", "G", "T", "P"];
  let [scaled, power] = [value, 0];
  while (scaled >= 999.5 && power < prefixes.length - 1) [scaled, power] = [scaled / 1000, power + 1];
  const digits = power === 0 ? String(Math.round(scaled)) : scaled.toPrecision(3);
  return `${digits} ${prefixes[power]}`;
}

export function short(intensity: number): string {
  return intensity >= 99.95 ? intensity.toFixed(0) : intensity.toFixed(intensity >= 9.995 ? 1 : 2);
}
