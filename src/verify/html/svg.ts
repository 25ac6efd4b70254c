/**
 * Renders charts of Observable Plot to SVG text, without a browser.
 *
 * Must stay true: except for heat maps, charts take their colours from the page (currentColor and CSS variables); each has a
 * label for screen readers, and is the same for the same report. Serialised here, because linkedom escapes neither `<` nor
 * `&` in attributes.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { escapeText, type Markup, trusted } from "./markup.ts";

const { document } = parseHTML("<!doctype html><html><body></body></html>");

/** @param label a description for screen readers. */
export function draw(options: Plot.PlotOptions, label: string): Markup {
  const chart = Plot.plot({ document, className: "plot", ...options });
  // Every chart has the same styles, which the page defines once.
  for (const style of chart.querySelectorAll("style")) style.remove();
  // Screen readers do not announce the content of an image.
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

/** Rounds coordinates to hundredths of a pixel. */
function shorten(name: string, value: string): string {
  if (name === "href" || name.startsWith("aria-")) return value;
  return value.replace(/-?\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(2))));
}
