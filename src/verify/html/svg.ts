/**
 * Observable Plot without a browser: charts become SVG text at the time the report is written.
 *
 * Must stay true: what is drawn takes its colours from the page (currentColor and CSS variables, but for heat maps),
 * names itself to a screen reader, and is the same for the same report. It is written out here, not by linkedom, which
 * escapes neither `<` nor `&` in an attribute.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { escapeText, type Markup, trusted } from "./markup.ts";

const { document } = parseHTML("<!doctype html><html><body></body></html>");

/** @param label what the chart shows, in a sentence, for those who do not see it. */
export function draw(options: Plot.PlotOptions, label: string): Markup {
  const chart = Plot.plot({ document, className: "plot", ...options });
  // Each chart brings the same styles; the page has them once.
  for (const style of chart.querySelectorAll("style")) style.remove();
  // What is inside an image is not announced.
  for (const part of chart.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", label);
  return trusted(write(chart));
}

const [elementNode, textNode] = [1, 3];

function write(node: Node): string {
  if (node.nodeType === textNode) return escapeText(node.textContent ?? "");
  if (node.nodeType !== elementNode) return "";
  const element = node as Element;
  const attributes = [...element.attributes].map(({ name, value }) => ` ${name}="${escapeText(shorten(name, value))}"`);
  const children = [...element.childNodes].map(write).join("");
  const { localName } = element;
  return `<${localName}${attributes.join("")}${children === "" ? "/>" : `>${children}</${localName}>`}`;
}

/** A hundredth of a pixel is enough. */
function shorten(name: string, value: string): string {
  if (name === "href" || name.startsWith("aria-")) return value;
  return value.replace(/-?\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(2))));
}
