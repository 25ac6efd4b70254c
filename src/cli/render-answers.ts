/**
 * How `fusebert answer` shows its result: for people, and as JSON for programs.
 */
import pc from "picocolors";
import type { Answer } from "../answer/answer-collector.ts";
import { displayable } from "../format/displayable.ts";
import { jsonText } from "../format/json.ts";
import { excerptAround, shownAnswer } from "./excerpt.ts";

/** What `--json` prints; documented in the README. */
export interface AnswerReport {
  readonly question: string;
  readonly model: string;
  readonly device: string;
  /** Adapter or runtime, precision and level: `webgpu: google swiftshader, f32, O4`. */
  readonly computedBy: string;
  /** Best first; empty when there is none. */
  readonly answers: readonly (Answer & { readonly source: string })[];
  readonly noAnswerScore: number;
  readonly windows: number;
  readonly timing: { readonly loadMs: number; readonly answerMs: number };
}

export function renderJson(report: AnswerReport): string {
  const { loadMs, answerMs } = report.timing;
  const timing = { loadMs: Math.round(loadMs), answerMs: Math.round(answerMs) };
  const answers = report.answers.map(({ text, score, start, end, source }) => ({ text, score, start, end, source }));
  return `${jsonText({ ...report, answers, timing })}\n`;
}

/** @param contexts the text each answer was found in, in the order of the answers. */
export function renderText(report: AnswerReport, contexts: readonly string[]): string {
  const found = report.answers.map((answer, index) => renderAnswer(answer, contexts[index] ?? ""));
  const text = found.length > 0 ? found.join("\n") : `${pc.yellow("No answer found.")}\n`;
  // Which GPU, in which precision: picked for the person, who may have several.
  return report.device === "webgpu" ? `${text}\n${pc.dim(`computed by ${displayable(report.computedBy)}`)}\n` : text;
}

function renderAnswer({ text, start, end, score, source }: AnswerReport["answers"][number], context: string): string {
  const { before, answer, after, line } = excerptAround(context, start, end);
  const place = `${displayable(source)}:${line}  characters ${start} to ${end}  score ${formatScore(score)}`;
  return `${pc.bold(shownAnswer(text))}\n\n  ${before}${highlight(answer)}${after}\n  ${pc.dim(place)}\n`;
}

/** Without colour the answer is marked so that it can still be seen in its sentence. */
export function highlight(answer: string): string {
  return pc.isColorSupported ? pc.black(pc.bgYellow(answer)) : `[[${answer}]]`;
}

export function formatScore(score: number): string {
  return Math.abs(score) >= 0.001 ? score.toFixed(3) : score.toExponential(1);
}
