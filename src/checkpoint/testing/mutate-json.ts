/**
 * For tests: seeded random mutations of a JSON value. The result is valid JSON, to reach the checks behind the parser.
 */

type Json = Record<string, unknown>;

/** Nested values are copied before use. */
const ODD_VALUES: readonly unknown[] = [
  null, true, false, -1, 0, -0, 1, 1.5, 2 ** 31, 2 ** 40, 2 ** 53, 1e308, 1e-300, "", "[CLS]", "a", "\ud800", "\u0000",
  "../x.safetensors", "BertTokenizer", "x".repeat(300), [], [[]], {}, { type: "BPE" }, { toString: 1, valueOf: 1 }, [0, 0], ["", ""],
  Array.from({ length: 2000 }, () => 0), JSON.parse(`${"[".repeat(80)}${"]".repeat(80)}`),
]; // biome-ignore format: a list of values

const ODD_KEYS = ["__proto__", "constructor", "prototype", "length", "", "0", "-1", "weight_map", "\ud800"];

/** Changes one to three entries of a copy of `original`; returns its text. */
export function mutateJson(original: object, random: () => number): string {
  const below = (limit: number) => Math.floor(random() * limit);
  const root = structuredClone(original);
  for (let edits = 1 + below(3); edits > 0; edits--) {
    const places = placesIn(root);
    const place = places[below(places.length)];
    if (place === undefined) break;
    const [node, key] = place;
    const value = node[key];
    switch (below(7)) {
      case 0:
        if (Array.isArray(node)) node.splice(Number(key), 1);
        else delete node[key];
        break;
      case 1:
        rename(node, key, ODD_KEYS[below(ODD_KEYS.length)] ?? "");
        break;
      case 2: {
        const [other, otherKey] = places[below(places.length)] ?? place;
        set(node, key, structuredClone(other[otherKey]));
        break;
      }
      case 3:
        if (Array.isArray(value)) value.push(...structuredClone(value.slice(0, 50)));
        else if (typeof value === "string") set(node, key, value + value);
        else set(node, key, [value]);
        break;
      case 4:
        if (typeof value === "number") set(node, key, nudged(value, below(6)));
        else if (typeof value === "boolean") set(node, key, !value);
        break;
      default:
        set(node, key, structuredClone(ODD_VALUES[below(ODD_VALUES.length)]));
    }
  }
  return JSON.stringify(root, undefined, random() < 0.1 ? 2 : undefined);
}

/** All entries, as container and key. */
function placesIn(root: object): [Json, string][] {
  const places: [Json, string][] = [];
  const visit = (node: unknown) => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      places.push([node as Json, key]);
      visit(value);
    }
  };
  visit(root);
  return places;
}

/** By definition, not assignment, so that `__proto__` becomes an own key. */
function set(node: Json, key: string, value: unknown): void {
  Object.defineProperty(node, key, { value, enumerable: true, configurable: true, writable: true });
}

function rename(node: Json, key: string, other: string): void {
  if (Array.isArray(node)) return;
  const value = node[key];
  delete node[key];
  set(node, other, value);
}

function nudged(value: number, way: number): number {
  return [value + 1, value - 1, value * 2, -value, value + 0.5, value * 1e9][way] ?? 0;
}
