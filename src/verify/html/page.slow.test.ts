import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { encoderLayerStages } from "../../architectures/layers/encoder-layer.ts";
import type { CandidateReport, Statistics, VerifyReport } from "../report/report.ts";
import { renderHtml } from "./page.ts";
import { statistics } from "./testing/figures.ts";
import { dumpWithoutMask, goodCandidate, sampleReport, souffle } from "./testing.ts";

const report = sampleReport();
const text = renderHtml(report);

function parse(page: string): Document {
  return parseHTML(page).document;
}

const words = (page: string): string => (parse(page).body.textContent ?? "").replace(/\s+/g, " ");

describe("the page", () => {
  test("starts with the verdict and the diagnosis", () => {
    const document = parse(text);
    const header = document.querySelector("header");
    expect(document.querySelector("main")?.firstElementChild).toBe(header);
    expect(document.querySelector("h1")?.textContent).toContain("FAILED");
    expect(document.querySelector("h1")?.textContent).toContain("souffle does not compute what the original computes");
    for (const sentence of ["uses ReLU instead of GELU", "no attention_mask", "37,748,736"]) {
      expect(header?.textContent).toContain(sentence);
    }
  });

  test("shows every stage, layout, cause and unit-weight test", () => {
    const shown = words(text);
    const diagnosis = report.candidates[1]?.layers[0]?.diagnosis;
    expect(diagnosis?.causes.length).toBeGreaterThan(3);
    for (const stage of encoderLayerStages) expect(shown).toContain(stage);
    for (const { says, id, alternatives } of diagnosis?.causes ?? []) {
      for (const word of [says, id, ...alternatives]) expect(shown).toContain(word);
    }
    for (const undecidable of diagnosis?.undecidable ?? []) expect(shown).toContain(undecidable);
    for (const { name } of report.candidates[0]?.layouts ?? []) expect(shown).toContain(name);
    expect(shown).toContain("99.9998 %");
    expect(shown).toContain("0.5000");
    expect(shown).toContain("nan");
    expect(shown).toContain("layer.0.attention_probs is not in the dump");
  });

  test("is self-contained", () => {
    expect(text).not.toMatch(/<script|<iframe|<object|@import|url\(/i);
    const references = [...text.matchAll(/\b(?:src|href|xlink:href|srcset|action|data)="([^"]*)"/g)].map(
      ([, url]) => url,
    );
    expect(references.length).toBeGreaterThan(10);
    for (const url of references) expect(url).toMatch(/^(?:#[\w-]+|data:.*)$/);
    const addresses = [...text.matchAll(/https?:\/\/[^"\s<]+/g)].map(([url]) => url);
    expect(addresses.filter((url) => !url.startsWith("http://www.w3.org/"))).toEqual([]);
  });

  test("is well-formed: every element is closed, and every link has a target", () => {
    const document = parse(text);
    const { body } = document;
    expect(document.querySelectorAll("main").length).toBe(1);
    expect(body.children.length).toBe(1);
    for (const tag of ["section", "table", "figure", "svg", "div", "li", "p", "dl"]) {
      const opened = text.match(new RegExp(`<${tag}[\\s>]`, "g"))?.length;
      expect(text.match(new RegExp(`</${tag}>`, "g"))?.length, tag).toBe(opened);
    }
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of document.querySelectorAll("a")) expect(ids).toContain(link.getAttribute("href")?.slice(1));
  });

  test("is accessible to screen readers", () => {
    const document = parse(text);
    const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map(({ tagName }) => Number(tagName.slice(1)));
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    for (const [index, level] of levels.entries()) {
      expect(level - (levels[index - 1] ?? 0), `heading ${index}`).toBeLessThanOrEqual(1);
    }
    for (const table of document.querySelectorAll("table")) expect(table.querySelector("caption")).not.toBeNull();
    for (const cell of document.querySelectorAll("th")) expect(cell.getAttribute("scope")).toBeTruthy();
    for (const drawing of document.querySelectorAll("svg")) {
      const hidden = drawing.getAttribute("aria-hidden") === "true";
      expect(hidden || (drawing.getAttribute("aria-label") ?? "").length > 10).toBe(true);
    }
  });

  test("is the same for the same report", () => {
    expect(renderHtml(sampleReport())).toBe(text);
  });

  test("reports when all candidates pass", () => {
    const { unitWeights } = report;
    const passed = unitWeights.filter((unit) => unit.passed);
    const page = words(renderHtml({ ...sampleReport({ candidates: [goodCandidate()] }), unitWeights: passed }));
    expect(page).toContain("PASSED cpu computes what the original computes.");
    expect(page).not.toContain("FAILED");
  });
});

/** Checks the parsed elements and the text, because parsers and browsers differ. */
function expectHarmless(page: string): void {
  const document = parse(page);
  expect(document.querySelectorAll("img, script, [onerror]")).toHaveLength(0);
  expect(page.match(/<img|<script|\0/g)).toBeNull();
  expect(page.match(/<\/style>/g)).toHaveLength(1);
}

describe("text from outside", () => {
  const evil = `<img src=x onerror="alert(1)">&"'\u0000\u202E</style><script>`;

  test("is escaped everywhere", () => {
    const candidates = [
      { ...goodCandidate(), name: evil },
      { ...dumpWithoutMask(), name: evil, inconclusive: evil },
    ];
    const sample = sampleReport({ candidates });
    const page = renderHtml({
      ...sample,
      model: evil,
      version: evil,
      embeddings: sample.embeddings && { ...sample.embeddings, source: evil },
      unitWeights: sample.unitWeights.map((unit) => ({ ...unit, candidate: evil, size: evil, passed: false })),
    });
    expectHarmless(page);
    expect(parse(page).body.textContent).toContain('<img src=x onerror="alert(1)">&"');
  });

  test("is escaped in stages, layouts and diagnoses", () => {
    const candidate = JSON.parse(
      JSON.stringify(souffle(), (key, value) => {
        return ["stage", "firstDivergent", "says", "sentence", "shadowSkipped", "recognised", "id"].includes(key)
          ? evil
          : value;
      }),
    ) as CandidateReport;
    const page = renderHtml(sampleReport({ candidates: [candidate] }));
    expectHarmless(page);
  });
});

describe("non-finite figures", () => {
  test("are shown as nan/inf for a report read from JSON", () => {
    const page = renderHtml(JSON.parse(JSON.stringify(report)) as VerifyReport);
    expect(words(page)).toContain("nan/inf");
    expect(words(page)).toContain("souffle does not compute");
  });

  test("are drawn, as are a stage of zeros and one without elements", () => {
    const page = renderHtml(
      sampleReport({ candidates: [withStatistics(nonFinite), withStatistics(equal), withStatistics(empty)] }),
    );
    expect(page).not.toMatch(/="[^"]*\bNaN\b[^"]*"/);
    expect(words(page)).toContain("No elements to show.");
  });
});

describe("many layers", () => {
  const many = sampleReport({ layers: 12 });
  const page = renderHtml(many);

  test("have a table of layers, and one of stages for each", () => {
    const document = parse(page);
    expect(document.querySelectorAll("details")).toHaveLength(24);
    expect(document.querySelectorAll("details[open]")).toHaveLength(2);
    expect(words(page)).toContain("Layers 0–11:");
  });

  test("have pictures of the most important stages only, which the page says, and the file stays small", () => {
    expect(words(page)).toMatch(/\d+ of 132 stages are pictured/);
    expect(page.length).toBeLessThan(3e6);
    const pictures = page.match(/<figure class="picture"/g)?.length ?? 0;
    expect(pictures).toBeLessThanOrEqual(2 * (24 + 12));
    expect(words(page)).toContain("layer.11.output");
  });
});

const sample = statistics(() => 0.5, { error: 1e-3, stage: "query" });

const nonFinite: Statistics = {
  ...sample,
  l2Relative: Number.NaN,
  maxAbsolute: { value: Number.POSITIVE_INFINITY, index: [0, 0, 0] },
  sqnr: Number.NaN,
  nan: 12,
  heatmap: {
    rows: 2,
    columns: 2,
    cells: [
      [null, null],
      [null, 1],
    ],
  },
};

const equal: Statistics = {
  ...sample,
  l2Relative: 0,
  sqnr: null,
  histogram: { zeros: 4, first: 0, counts: [] },
  heatmap: {
    rows: 2,
    columns: 2,
    cells: [
      [0, 0],
      [0, 0],
    ],
  },
};

const empty: Statistics = {
  ...equal,
  count: 0,
  histogram: { zeros: 0, first: 0, counts: [] },
  heatmap: { rows: 0, columns: 4, cells: [] },
};

/** A candidate with these statistics in all stages. */
function withStatistics(all: Statistics): CandidateReport {
  const candidate = goodCandidate();
  const layers = candidate.layers.map((layer) => ({
    ...layer,
    stages: layer.stages.map((stage) => ({
      ...stage,
      propagated: stage.propagated && { ...stage.propagated, statistics: all, budget: 0, ratio: null },
      shadow: stage.shadow && { ...stage.shadow, statistics: all, budget: 0, ratio: null },
    })),
  }));
  return { ...candidate, layers };
}
