/**
 * The report's style sheet: the system's typeface, hairlines instead of boxes, colour only for verdicts and data.
 *
 * Must stay true: the page never scrolls horizontally, wide content scrolls in its own box; every colour has a light and a
 * dark value; text has a contrast of at least 4.5.
 */
export const style = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --surface: #f6f7f9; --text: #16191d; --muted: #5b6470; --quiet: #9aa3ae; --line: #dfe3e8;
  --link: #0b5cad; --good: #16794a; --identical: #0f6f86; --fair: #8f5b00; --poor: #c0261f; --non-finite: #a3127e;
  --inconclusive: #565f6b; --good-ground: #e3f2e8; --first-ground: #fdeeec;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1216; --surface: #171b21; --text: #e7eaee; --muted: #a0a9b5; --quiet: #6d7682; --line: #2a3038;
    --link: #7db8f5; --good: #5ccb92; --identical: #5cc6de; --fair: #e5b04e; --poor: #ff857c; --non-finite: #ff86dd;
    --inconclusive: #a9b2be; --good-ground: #16291f; --first-ground: #2e1a1a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Open Sans", sans-serif; overflow-wrap: anywhere; }
main { max-width: 1440px; margin: 0 auto; padding: 28px clamp(16px, 3vw, 40px) 64px; }
a { color: var(--link); text-underline-offset: 0.18em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
h1, h2, h3, h4, p, dl, ul, ol, figure { margin: 0; }
h1 { font-size: clamp(1.45rem, 1rem + 2vw, 2.1rem); line-height: 1.22; letter-spacing: -0.015em; font-weight: 680;
  max-width: 34em; text-wrap: balance; }
h1 .badge { font-size: 0.55em; vertical-align: 0.22em; margin-right: 0.35em; }
h2 { font-size: 1.5rem; letter-spacing: -0.01em; line-height: 1.3; }
h2 .badge { font-size: 0.55em; vertical-align: 0.2em; margin-left: 0.3em; }
h3 { font-size: 1.08rem; margin: 36px 0 8px; }
h4 { font-size: 0.95rem; margin: 20px 0 6px; }
section { margin-top: 56px; padding-top: 28px; border-top: 2px solid var(--text); }
section > .lead:first-of-type { margin-bottom: 6px; }
code, pre { font-family: var(--mono); font-size: 0.86em; }
sup { line-height: 0; }
.eyebrow { color: var(--muted); font: 600 0.8rem/1 var(--mono); margin-bottom: 14px; }
.lead { color: var(--muted); max-width: 52em; font-size: 0.95rem; margin-bottom: 12px; }
.lead b { color: var(--text); font-weight: 600; }
.finding { font-size: 1.08rem; max-width: 44em; padding-left: 14px; border-left: 3px solid var(--text); margin: 10px
  0; }
.quiet { color: var(--muted); font-weight: 400; }
.small { font-size: 0.78rem; }
.nothing { color: var(--muted); font-style: italic; }
.icon { width: 0.78em; height: 0.78em; flex: none; fill: currentColor; }
.icon-drawn { fill: none; stroke: currentColor; stroke-width: 2; }
.badge { display: inline-flex; gap: 0.4em; align-items: center; font: 650 0.75rem/1.5 var(--mono); color: var(--tone);
  border: 1.5px solid currentColor; border-radius: 4px; padding: 0 0.45em; white-space: nowrap; }
.badge-identical { --tone: var(--identical); } .badge-good { --tone: var(--good); } .badge-fair { --tone: var(--fair); }
.badge-poor { --tone: var(--poor); } .badge-non-finite { --tone: var(--non-finite); }
.badge-inconclusive { --tone: var(--inconclusive); }
.badge-poor, .badge-non-finite { background: var(--tone); border-color: var(--tone); color: var(--page); }
.place { display: block; max-width: 14rem; white-space: normal; color: var(--muted); font-weight: 400; }
.tag { font: 500 0.72rem/1.5 var(--mono); color: var(--muted); border: 1px dashed var(--quiet); border-radius: 4px;
  padding: 0 0.4em; white-space: nowrap; }
.first { display: inline-flex; gap: 0.35em; align-items: center; margin-left: 0.5em; color: var(--poor); font-size:
  0.8rem; font-weight: 600; white-space: nowrap; }

.findings { list-style: none; padding: 0; margin: 22px 0 24px; display: grid; gap: 14px; }
.findings li { padding-left: 14px; border-left: 3px solid var(--line); }
.findings a { font-weight: 600; margin-left: 0.3em; }
.findings p { max-width: 54em; margin-top: 3px; font-size: 1.05rem; }
.facts { display: flex; flex-wrap: wrap; gap: 10px 32px; margin: 14px 0; }
dt { color: var(--muted); font-size: 0.78rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; }
nav ul { list-style: none; padding: 0; margin-top: 18px; display: flex; flex-wrap: wrap; gap: 4px 20px; font-size:
  0.92rem; }

.scroll { overflow-x: auto; max-width: 100%; }
.scroll + .lead { margin-top: 14px; }
table { border-collapse: collapse; font-size: 0.86rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); font-size: 0.84rem; padding-bottom: 8px; }
caption b { color: var(--text); font-weight: 600; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap;
  vertical-align: baseline; }
thead th { color: var(--muted); font-weight: 500; font-size: 0.78rem; border-bottom-color: var(--quiet); }
thead th[scope="colgroup"] { color: var(--text); font-weight: 600; border-bottom: 0; padding-bottom: 0; }
tbody th { font-weight: 500; padding-left: 6px; }
tbody th code { font-size: 0.95em; }
.n { text-align: right; }
.empty { border: 0; }
.why { white-space: normal; min-width: 15em; font-size: 0.82rem; }
.says { white-space: normal; min-width: 13em; max-width: 30em; vertical-align: top; }
.says ul, section > ul { padding-left: 1.1em; }
.first-row > * { background: var(--first-ground); }
details { border-bottom: 1px solid var(--line); padding: 6px 0; }
summary { cursor: pointer; padding: 4px 0; }
details[open] { padding-bottom: 16px; }

.plot { display: block; max-width: 100%; height: auto; --plot-background: var(--page);
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Open Sans", sans-serif; }
.plot text { white-space: pre; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 20px 40px; }
.charts-wide { grid-template-columns: minmax(0, 1fr); }
.charts .plot { width: 100%; min-width: 400px; max-width: 560px; }
.charts-wide .plot { min-width: 720px; max-width: 1360px; }
figcaption { font-size: 0.88rem; color: var(--muted); margin-bottom: 4px; }
figcaption b { color: var(--text); font-weight: 600; }
.keys { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 22px; margin-top: 10px; }
.key { font-size: 0.82rem; color: var(--muted); display: inline-flex; align-items: center; gap: 7px; }
.line { width: 22px; border-top: 2px solid var(--text); flex: none; }
.line-dashed { border-top: 2px dashed var(--muted); }
.line-poor { border-top: 2px dotted var(--poor); }
.swatch { width: 14px; height: 14px; flex: none; border: 1px solid var(--quiet); }
.swatch-good { background: var(--good-ground); }
.swatch-nonfinite { background: #ff1fc7; }
.legend { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 18px; margin: 4px 0 14px; }
.legend-title { font-size: 0.84rem; font-weight: 600; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 205px), 1fr)); gap: 22px 20px; }
.picture { min-width: 0; display: grid; grid-row: span 4; grid-template-rows: subgrid; gap: 3px; align-items: end; }
.picture > p { align-self: start; }
.picture figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 8px; align-items:
  baseline;
  color: var(--text); }
.picture .plot, .layout .plot { width: 100%; max-width: 264px; }
@media (max-width: 500px) { .gallery { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 20px 12px; }
  .picture .badge { font-size: 0.66rem; } .picture code { font-size: 0.76rem; } }

.layouts { list-style: none; padding: 0; display: grid; gap: 28px 20px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 248px), 1fr)); }
.layout { min-width: 0; display: grid; grid-row: span 5; grid-template-rows: subgrid; gap: 8px; }
.layout h4 { margin: 0; line-height: 1.35; }
.number { display: inline-grid; place-items: center; width: 1.55em; height: 1.55em; border-radius: 50%; font-size:
  0.85em;
  background: var(--text); color: var(--page); font-variant-numeric: tabular-nums; }
.corners { font: 0.7rem/1.5 var(--mono); }
.corners caption { font: 0.78rem/1.4 system-ui, sans-serif; padding-bottom: 2px; }
.corners td { text-align: right; padding: 0 7px 0 0; border: 0; }
.pairs div { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; padding: 3px 0;
  border-bottom: 1px solid var(--line); }
.pairs dt { white-space: nowrap; }
.pairs dd { text-align: right; font-size: 0.88rem; }
.tests { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); gap: 28px 40px; }
.test { min-width: 0; }
.test h4 { margin: 6px 0; }
.test > p { margin-bottom: 6px; }
.label { font-size: 0.84rem; font-weight: 600; margin: 10px 0 2px; }
.tensor { margin: 0; padding: 10px 12px; background: var(--surface); line-height: 1.5; font-size: 0.76rem;
  overflow-wrap: normal; width: max-content; min-width: 100%; }
.glossary { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 16px 40px; }
.glossary dt { color: var(--text); font-weight: 600; font-size: 0.92rem; margin-bottom: 2px; }
.glossary dd { color: var(--muted); font-size: 0.92rem; }
@media print { section { break-before: page; } .scroll { overflow: visible; } }
`;
