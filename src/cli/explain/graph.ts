/**
 * One level as a graph: kernels as boxes with the operations they fused, the tensors between them as edges with bytes.
 *
 * dagre computes the layout; the SVG takes its colours from the page. An operation's colour is its part of the model, the
 * same at every level, so that many boxes of one colour are seen to become one.
 */
import { Graph, layout } from "@dagrejs/dagre";
import { type Part, parts } from "../../architectures/parts.ts";
import { allBytes } from "../../engines/webgpu/explain/costs.ts";
import type { KernelDescription } from "../../engines/webgpu/explain/describe.ts";
import type { LevelDescription } from "../../engines/webgpu/explain/explain.ts";
import { formatShape } from "../../format/numbers.ts";
import { html, type Markup } from "../../verify/html/markup.ts";
import { metric, short } from "./render.ts";

const lineHeight = 15;
const padding = 6;
const stripe = 5;

export const classOf = (part: Part): string => `part-${parts.indexOf(part)}`;

interface Line {
  readonly text: string;
  readonly part: Part;
}

interface Edge {
  readonly tensors: readonly number[];
  readonly bytes: number;
}

export function levelGraph(description: LevelDescription): Markup {
  const { kernels, level } = description;
  const lines = new Map(kernels.map((kernel) => [kernel.index, linesOf(kernel)]));
  const edges = edgesOf(description);
  const longest = Math.max(...[...lines.values()].flat().map(({ text }) => text.length));
  const boxWidth = Math.ceil(longest * 6.7) + padding * 2 + stripe + 26;
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 10, ranksep: 12, edgesep: 8, marginx: 4, marginy: 4 });
  for (const { index } of kernels) {
    const height = (lines.get(index)?.length ?? 1) * lineHeight + padding * 2;
    graph.setNode(String(index), { width: boxWidth, height });
  }
  for (const [key, { bytes }] of edges) {
    const [from = "", to = ""] = key.split(">");
    const label = `${metric(bytes)}B`;
    graph.setEdge(from, to, {
      width: label.length * 6,
      height: 12,
      labelpos: "c",
      weight: Number(to) === Number(from) + 1 ? 8 : 1,
    });
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  const drawnEdges = [...edges].map(([key, edge]) => {
    const [from = "", to = ""] = key.split(">");
    const { points = [], x, y } = graph.edge(from, to);
    return drawEdge(description, edge, points, x ?? 0, y ?? 0);
  });
  const drawnKernels = kernels.map((kernel) => {
    const { x = 0, y = 0, height: tall = 0 } = graph.node(String(kernel.index));
    return drawKernel(kernel, lines.get(kernel.index) ?? [], {
      x: x - boxWidth / 2,
      y: y - tall / 2,
      width: boxWidth,
      height: tall,
    });
  });
  return html`<svg class="graph" role="img" aria-label="Level ${level}: ${kernels.length} kernels and the tensors between them"
width="${Math.ceil(width)}" height="${Math.ceil(height)}" viewBox="0 0 ${Math.ceil(width)} ${Math.ceil(height)}">
${drawnEdges}${drawnKernels}</svg>`;
}

/** One line per operation, repeated ones together. */
function linesOf({ operations }: KernelDescription): Line[] {
  const lines: { name: string; part: Part; count: number }[] = [];
  for (const { name, part } of operations) {
    const last = lines.at(-1);
    if (last?.name === name && last.part === part) last.count++;
    else lines.push({ name, part, count: 1 });
  }
  return lines.map(({ name, part, count }) => ({
    text: count > 1 && name !== "mask" ? `${name} ×${count}` : name,
    part,
  }));
}

/** All tensors from one kernel to another are one edge, keyed `from>to`. */
function edgesOf({ kernels, tensors }: LevelDescription): Map<string, Edge> {
  const writers = new Map(kernels.flatMap(({ index, writes }) => writes.map((tensor) => [tensor, index])));
  const edges = new Map<string, Edge>();
  for (const { index, reads } of kernels) {
    for (const tensor of reads) {
      const writer = writers.get(tensor);
      if (writer === undefined) continue;
      const key = `${writer}>${index}`;
      const edge = edges.get(key) ?? { tensors: [], bytes: 0 };
      edges.set(key, { tensors: [...edge.tensors, tensor], bytes: edge.bytes + (tensors[tensor]?.bytes ?? 0) });
    }
  }
  return edges;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function drawKernel(kernel: KernelDescription, lines: readonly Line[], { x, y, width, height }: Box): Markup {
  const { index, kind, subprogram, shape, flops, bytes, intensity, stages, workgroups } = kernel;
  const title = [
    `kernel ${index}: ${kind}${subprogram === null ? "" : `, of ${subprogram}`}`,
    kernel.operations.map(({ name }) => name).join(" + "),
    `result ${formatShape(shape)}, ${formatShape(workgroups)} workgroups`,
    `${metric(flops)}FLOP, ${metric(allBytes(bytes))}B, ${short(intensity)} FLOP/byte`,
    `weights ${metric(bytes.weights)}B, vectors ${metric(bytes.vectors)}B, activations ${metric(bytes.activations)}B`,
    `written ${metric(bytes.written)}B`,
    ...(stages.length === 0 ? [] : [`contains ${stages.join(", ")}`]),
  ].join("\n");
  const texts = lines.map(({ text, part }, line) => {
    const top = y + padding + line * lineHeight;
    return html`<rect class="${classOf(part)}" x="${at(x + padding)}" y="${at(top + 1)}" width="${stripe}" height="${lineHeight - 2}"/><text x="${at(x + padding + stripe + 6)}" y="${at(top + 11)}">${text}</text>`;
  });
  return html`<g class="kernel"><title>${title}</title><rect class="box" x="${at(x)}" y="${at(y)}" width="${width}"
height="${at(height)}" rx="4"/>${texts}<text class="kind" text-anchor="end" x="${at(x + width - padding)}"
y="${at(y + padding + 11)}">${index}</text></g>
`;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The width grows with the logarithm of the bytes. */
function drawEdge(
  { tensors }: LevelDescription,
  { tensors: numbers, bytes }: Edge,
  points: readonly Point[],
  x: number,
  y: number,
): Markup {
  const title = numbers
    .map((number) => tensors[number])
    .map(
      (tensor) =>
        tensor &&
        `${tensor.stages.join(", ") || "a tensor"}: ${formatShape(tensor.shape)} ${tensor.type}, ${metric(tensor.bytes)}B`,
    )
    .join("\n");
  const width = Math.max(1, Math.log10(bytes) - 3.2);
  return html`<g class="edge"><title>${title}</title><path d="${curve(points)}" stroke-width="${at(width)}"/><text x="${at(x)}" y="${at(y + 4)}" text-anchor="middle">${metric(bytes)}B</text></g>
`;
}

/** Quadratic curves through the midpoints between dagre's points. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return "";
  const middles = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1] ?? last;
    return `Q${at(point.x)} ${at(point.y)} ${at((point.x + next.x) / 2)} ${at((point.y + next.y) / 2)}`;
  });
  return `M${at(first.x)} ${at(first.y)}${middles.join("")}L${at(last.x)} ${at(last.y)}`;
}

const at = (coordinate: number): number => Math.round(coordinate * 10) / 10;
