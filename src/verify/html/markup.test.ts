import { describe, expect, test } from "vitest";
import { escapeText, html, trusted } from "./markup.ts";

describe("html", () => {
  test("escapes strings, not markup, and ignores null, undefined and false", () => {
    const inner = html`<b>${"<&>"}</b>`;
    expect(html`<p title="${`"'`}">${inner}${null}${false}${undefined}${[1, trusted("<i></i>"), "<"]}</p>`.text).toBe(
      '<p title="&quot;&#39;"><b>&lt;&amp;&gt;</b>1<i></i>&lt;</p>',
    );
  });

  test("replaces characters that are invalid in HTML, and keeps line breaks and emoji", () => {
    expect(escapeText("a\u0000b\u001bc\ud800d\n\t🎉é")).toBe("a\ufffdb\ufffdc\ufffdd\n\t🎉é");
  });
});
