import { stripVTControlCharacters } from "node:util";
import pc from "picocolors";
import { afterEach, describe, expect, test, vi } from "vitest";
import { dumpWithoutMask, goodCandidate, sampleReport, souffle } from "../../verify/html/testing.ts";
import type { CandidateReport, VerifyReport } from "../../verify/report/report.ts";

const colourCode = "\u001b[";

/** picocolors reads the environment once, when it is imported. */
async function load(colour: boolean) {
  vi.resetModules();
  vi.doMock("picocolors", () => ({ default: pc.createColors(colour) }));
  return await import("./render.ts");
}

afterEach(() => vi.doUnmock("picocolors"));

function expectNarrow(text: string): void {
  const wide = stripVTControlCharacters(text)
    .split("\n")
    .filter((line) => [...line].length > 80);
  expect(wide).toEqual([]);
}

describe("the output of verify", () => {
  test("has the demo's steps, with reasons", async () => {
    const { renderVerify } = await load(false);
    const text = renderVerify(sampleReport());
    const steps = ["1  Unit weights", "2  Embeddings", "3  Layer 0", "4  The five weight layouts", "5  Diagnosis"];
    const places = steps.map((step) => text.indexOf(step));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
    for (const fact of [
      /→ query +0\.31 .*POOR/,
      /attention_scores\*/,
      /Furthest from its budget: attention_scores \(propagated\)/,
      /atol 5\.\d+, or rtol/,
      /L2 norm difference: 386\.66/,
      /POOR MATCH! Relative difference > 10%/,
      /GOOD MATCH!/,
      /recognised as Q, K, V transposed/,
      /same bytes as 5/,
      /37,748,736/,
      /squared error explained +99\.9998 %/,
      /• uses ReLU instead of GELU/,
      /no shadow of context: layer\.0\.attention_probs is not in the dump/,
      /my-kernel\.safetensors holds 4 rows and no attention_mask/,
      /souffle +f16 +POOR +3 of 5 +FAILED/,
      /\nFAILED: souffle does not compute what the original computes; cpu matches;/,
    ]) {
      expect(text).toMatch(fact);
    }
  });

  test("says which stages only the instrumented run writes, and whether they are judged", async () => {
    const { renderVerify } = await load(false);
    const cpu = goodCandidate();
    const layers = cpu.layers.map((layer) => ({
      ...layer,
      stages: layer.stages.map((stage) => ({ ...stage, judged: stage.production })),
    }));
    const note = /\* written only by a second run, which keeps every stage in float32/;
    const judged = renderVerify(sampleReport({ candidates: [cpu] }));
    expect(judged).toMatch(note);
    expect(judged).not.toMatch(/to\s+locate\s+faults/);
    const observed = renderVerify(sampleReport({ candidates: [{ ...cpu, layers }] }));
    expect(observed).toMatch(note);
    expect(observed).toMatch(/to\s+locate\s+faults;\s+not\s+judged/);
  });

  test.each([1, 12])("keeps to 80 columns, with %i layers", async (layers) => {
    for (const colour of [false, true]) {
      const { renderVerify } = await load(colour);
      expectNarrow(renderVerify(sampleReport({ layers })));
    }
  });

  test("has colours only on request, and otherwise the same text", async () => {
    const plain = (await load(false)).renderVerify(sampleReport());
    const bright = (await load(true)).renderVerify(sampleReport());
    expect(plain).not.toContain(colourCode);
    expect(bright).toContain(colourCode);
    expect(stripVTControlCharacters(bright)).toBe(plain);
  });

  test("of many layers shows a row for each and the first divergent one in full", async () => {
    const { renderCandidate } = await load(false);
    const text = renderCandidate(souffle(undefined, 12));
    expect(text).toContain("3  12 layers");
    expect(text).toMatch(/→ {5}0 +1\.0 /);
    expect(text).toContain("Layer 0 (the first that diverges), stage by stage");
    expect(text.match(/attention_output_dense {3}/g)?.length).toBeGreaterThanOrEqual(1);
    expect(text).toContain("Layers 0–11:");
  });

  test("shortens long names and escapes control codes", async () => {
    const { renderVerify } = await load(false);
    const name = `\u001b[31m${"very-long-name-".repeat(20)}.safetensors\n`;
    const candidates: CandidateReport[] = [
      { ...goodCandidate(), name },
      { ...dumpWithoutMask(), name, inconclusive: `${name} is not a dump` },
    ];
    const sample = sampleReport({ candidates });
    const unitWeights = sample.unitWeights.map((unit) => ({ ...unit, candidate: name, size: name }));
    const text = renderVerify({ ...sample, model: name, unitWeights });
    expect(text).not.toContain("\u001b");
    expectNarrow(text);
  });

  test("says why a dump has no layouts", async () => {
    const { renderCandidate } = await load(false);
    expect(renderCandidate({ ...goodCandidate(), kind: "dump", layouts: [] })).toContain("cannot be run again");
  });

  test("can be made from a report read from JSON", async () => {
    const { renderVerify } = await load(false);
    const text = renderVerify(JSON.parse(JSON.stringify(sampleReport())) as VerifyReport);
    expect(text).toContain("nan/inf");
    expectNarrow(text);
  });

  test("is the concatenation of its parts", async () => {
    const { renderCandidate, renderEmbeddings, renderHeading, renderSummary, renderUnitWeights, renderVerify } =
      await load(false);
    const report = sampleReport();
    const pieces = [
      renderHeading(report),
      renderUnitWeights(report.unitWeights),
      renderEmbeddings(report.embeddings),
      ...report.candidates.map((candidate) => renderCandidate(candidate)),
      renderSummary(report),
    ];
    expect(renderVerify(report)).toBe(pieces.join("\n"));
    expect(renderEmbeddings(null)).toContain("its own hidden states");
  });
});
