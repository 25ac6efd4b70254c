/**
 * The frame of every page fusebert writes: one self-contained HTML file, which may load nothing.
 */
import { html, type Markup, trusted } from "./markup.ts";
import { style } from "./style.ts";

/** @param pageStyle rules for this page alone, after the common ones. */
export function renderDocument(title: string, main: Markup, pageStyle = ""): string {
  const page = html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${trusted(style + pageStyle)}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
  return `<!doctype html>\n${page.text}`;
}
