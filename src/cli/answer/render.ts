/**
 * The output of `fusebert answer`, as text and as JSON.
 */
import pc from "picocolors";
import type { Answer } from "../../answer/answer-collector.ts";
import { inUnit, type OffsetUnit } from "../../answer/code-points.ts";
import { displayable } from "../../format/displayable.ts";
import { jsonText } from "../../format/json.ts";
import { type Excerpt, excerptAround, shownAnswer } from "../excerpt.ts";
import type { SourceText } from "../read-texts.ts";

export interface AnswerRun {
  readonly question: string;
  /** The question as the model read it, if it was too long and `truncateQuestion` had it cut. */
  readonly truncatedQuestion?: string;
  readonly model: string;
  readonly device: string;
  /** Adapter or runtime, precision and level: `webgpu: google swiftshader, f32, O4`. */
  readonly computedBy: string;
  readonly offsetUnit: OffsetUnit;
  /** Best first; empty when there is none. */
  readonly answers: readonly FoundAnswer[];
  readonly noAnswerScore: number;
  /** The option, or the model's default. It applies with `--allow-no-answer` and `--scoring logits`. */
  readonly noAnswerThreshold: number;
  readonly windows: number;
  readonly timing: { readonly loadMs: number; readonly answerMs: number };
}

export interface FoundAnswer extends Answer {
  /** A path, `stdin` or `text`. */
  readonly source: string;
  readonly excerpt: Excerpt;
}

/** The object that `--json` prints; documented in the README. */
export interface AnswerReport extends Omit<AnswerRun, "answers"> {
  readonly answers: readonly (Answer & {
    readonly source: string;
    /** The answer's line in its text, from 1. */
    readonly line: number;
    /** The sentence around the answer, for display, and the answer's offsets in it. */
    readonly excerpt: { readonly text: string; readonly start: number; readonly end: number };
  })[];
}

/** @param answer with its offsets in UTF-16 code units. */
export function foundAnswer(answer: Answer, { source, text }: SourceText, unit: OffsetUnit): FoundAnswer {
  const excerpt = excerptAround(text, answer.start, answer.end);
  const [placed = answer] = inUnit([answer], text, unit);
  return { ...placed, source, excerpt };
}

export function renderJson(run: AnswerRun): string {
  const { loadMs, answerMs } = run.timing;
  const answers = run.answers.map(({ text, score, start, end, source, excerpt: { before, answer, after, line } }) => {
    const sentence = `${before}${answer}${after}`;
    const place = { text: sentence, start: before.length, end: before.length + answer.length };
    const [excerpt = place] = inUnit([place], sentence, run.offsetUnit);
    return { text, score, start, end, source, line, excerpt };
  });
  const timing = { loadMs: Math.round(loadMs), answerMs: Math.round(answerMs) };
  const report: AnswerReport = { ...run, answers, timing };
  return `${jsonText(report)}\n`;
}

export function renderText(run: AnswerRun): string {
  const { answers, truncatedQuestion, device, computedBy, offsetUnit } = run;
  const found = answers.map((answer) => renderAnswer(answer, offsetUnit));
  const text = found.length > 0 ? found.join("\n") : `${pc.yellow("No answer found.")}\n`;
  const asked = truncatedQuestion === undefined ? [] : [`asked: ${displayable(truncatedQuestion)}`];
  // The GPU and its precision were chosen automatically, and a machine may have several.
  const computed = device === "webgpu" ? [`computed by ${displayable(computedBy)}`] : [];
  return `${text}${[...asked, ...computed].map((note) => `\n${pc.dim(note)}\n`).join("")}`;
}

function renderAnswer({ text, start, end, score, source, excerpt }: FoundAnswer, unit: OffsetUnit): string {
  const { before, answer, after, line } = excerpt;
  const counted = unit === "utf-16" ? "characters" : "code points";
  const place = `${displayable(source)}:${line}  ${counted} ${start} to ${end}  score ${formatScore(score)}`;
  return `${pc.bold(shownAnswer(text))}\n\n  ${before}${highlight(answer)}${after}\n  ${pc.dim(place)}\n`;
}

/** Without colour, brackets mark the answer in its sentence. */
export function highlight(answer: string): string {
  return pc.isColorSupported ? pc.black(pc.bgYellow(answer)) : `[[${answer}]]`;
}

export function formatScore(score: number): string {
  return Math.abs(score) >= 0.001 ? score.toFixed(3) : score.toExponential(1);
}
