/** Writes small character maps in the layout of `charsmap.ts`. */

/** @param entries what replaces each string; neither may hold U+0000. */
export function encodeCharsmap(entries: Readonly<Record<string, string>>): Uint8Array {
  const replacements: number[] = [];
  const root: TrieNode = { children: new Map(), leaf: undefined };
  for (const [key, replacement] of Object.entries(entries)) {
    let node = root;
    for (const byte of new TextEncoder().encode(key)) {
      const child = node.children.get(byte) ?? { children: new Map(), leaf: undefined };
      node.children.set(byte, child);
      node = child;
    }
    node.leaf = replacements.length;
    replacements.push(...new TextEncoder().encode(replacement), 0);
  }
  const units = layOut(root);
  const bytes = new Uint8Array(4 + units.length * 4 + replacements.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, units.length * 4, true);
  for (const [index, unit] of units.entries()) view.setUint32(4 + index * 4, unit, true);
  bytes.set(replacements, 4 + units.length * 4);
  return bytes;
}

interface TrieNode {
  readonly children: Map<number, TrieNode>;
  leaf: number | undefined;
}

/** Gives every node a block of 256 units for its children, which needs no search. */
function layOut(root: TrieNode): Uint32Array {
  const placed: { readonly node: TrieNode; readonly place: number; readonly label: number }[] = [
    { node: root, place: 0, label: 0 },
  ];
  const units: [place: number, unit: number][] = [];
  for (let index = 0; index < placed.length; index++) {
    const { node, place, label } = placed[index] as (typeof placed)[number];
    const base = (index + 1) * 256;
    units.push([place, ((place ^ base) << 10) | (node.leaf === undefined ? 0 : 1 << 8) | label]);
    if (node.leaf !== undefined) units.push([base, (1 << 31) | node.leaf]);
    for (const [byte, child] of node.children) placed.push({ node: child, place: base ^ byte, label: byte });
  }
  const array = new Uint32Array((placed.length + 1) * 256);
  for (const [place, unit] of units) array[place] = unit;
  return array;
}
