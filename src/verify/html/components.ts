/**
 * Components that several sections of the page share.
 */
import { formatCorners } from "../compare/corners.ts";
import type { Corners } from "../report/report.ts";
import type { Verdict } from "../report/verdict.ts";
import { icon, verdictIcons } from "./icons.ts";
import { html, type Markup } from "./markup.ts";

export function badge(verdict: Verdict): Markup {
  return html`<span class="badge badge-${verdict.toLowerCase()}">${icon(verdictIcons[verdict])}${verdict}</span>`;
}

export function passBadge(passed: boolean): Markup {
  const [tone, sign, word] = passed ? (["good", "check", "PASSED"] as const) : (["poor", "times", "FAILED"] as const);
  return html`<span class="badge badge-${tone}">${icon(sign)}${word}</span>`;
}

export function firstDivergentMark(): Markup {
  return html` <span class="first">${icon("arrow")}first divergent</span>`;
}

/** Content that may be wider than a phone, in a scroll box that the keyboard can reach. */
export function scrolling(content: Markup, label: string): Markup {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${content}</div>`;
}

/** A tensor as NumPy prints it. */
export function tensorPrint(corners: Corners, label: string): Markup {
  return scrolling(html`<pre class="tensor">${formatCorners(corners).join("\n")}</pre>`, label);
}

export interface Fact {
  readonly term: string;
  readonly value: Markup | string;
}

export function facts(list: readonly Fact[]): Markup {
  return html`<dl class="facts">${list.map(
    ({ term, value }) => html`<div><dt>${term}</dt><dd>${value}</dd>
</div>`,
  )}</dl>`;
}
