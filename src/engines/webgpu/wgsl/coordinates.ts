/**
 * Coordinates of elements as WGSL, one expression per axis, and their mapping through views.
 *
 * Each expression has a known divisor: four elements that start at a multiple of four, in rows that are multiples of four,
 * are one vector in memory.
 */
import type { Extent, Shape } from "../../../program/program.ts";
import { extentText } from "./storage.ts";

export interface Coordinate {
  /** A WGSL expression of type u32 that needs no parentheses around it. */
  readonly text: string;
  /** A known divisor; 0 for the constant 0. */
  readonly multipleOf: number;
}

export type Coordinates = readonly Coordinate[];

export const zero: Coordinate = { text: "0u", multipleOf: 0 };

/** A variable's name as a coordinate. */
export const at = (text: string, multipleOf = 1): Coordinate => ({ text, multipleOf });

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

export function plus(coordinate: Coordinate, offset: number): Coordinate {
  if (offset === 0) return coordinate;
  if (coordinate.text === "0u") return { text: `${offset}u`, multipleOf: offset };
  return { text: `(${coordinate.text} + ${offset}u)`, multipleOf: gcd(coordinate.multipleOf, offset) };
}

/** The row-major index of coordinates. */
export function linear(coordinates: Coordinates, extents: Shape): Coordinate {
  return coordinates.reduce<Coordinate>((index, coordinate, axis) => {
    const extent = extents[axis] as Extent;
    if (extent === 1) return index;
    if (index.text === "0u") return coordinate;
    const scaled = index.multipleOf * (typeof extent === "number" ? extent : 1);
    const sum = coordinate.text === "0u" ? "" : ` + ${coordinate.text}`;
    return { text: `(${index.text} * ${extentText(extent)}${sum})`, multipleOf: gcd(scaled, coordinate.multipleOf) };
  }, zero);
}

/** The coordinates of a row-major index. */
export function delinearize(index: Coordinate, extents: Shape): Coordinate[] {
  const coordinates: Coordinate[] = extents.map(() => zero);
  let rest = index;
  const axes = extents.flatMap((extent, axis) => (extent === 1 ? [] : [axis])).reverse();
  axes.forEach((axis, position) => {
    const extent = extents[axis] as Extent;
    if (position === axes.length - 1) {
      coordinates[axis] = rest;
      return;
    }
    const text = extentText(extent);
    const known = typeof extent === "number" ? extent : 1;
    coordinates[axis] = { text: `(${rest.text} % ${text})`, multipleOf: gcd(rest.multipleOf, known) };
    const multiple = rest.multipleOf % known === 0 ? Math.max(1, rest.multipleOf / known) : 1;
    rest = { text: `(${rest.text} / ${text})`, multipleOf: typeof extent === "number" ? multiple : 1 };
  });
  return coordinates;
}

/** Maps coordinates in a reshape's result, of shape `seen`, to its operand, of shape `stored`. */
export const throughReshape = (coordinates: Coordinates, seen: Shape, stored: Shape): Coordinate[] =>
  matchedAxes(seen, stored).flatMap(({ from, to }) => {
    return delinearize(linear(coordinates.slice(...from), seen.slice(...from)), stored.slice(...to));
  });

interface AxisGroup {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
}

/** The shortest runs of axes of two shapes with equal numbers of elements. */
function matchedAxes(seen: Shape, stored: Shape): AxisGroup[] {
  const groups: AxisGroup[] = [];
  let [from, to] = [0, 0];
  while (from < seen.length || to < stored.length) {
    let [fromEnd, toEnd] = [Math.min(from + 1, seen.length), Math.min(to + 1, stored.length)];
    while (product(seen.slice(from, fromEnd)) !== product(stored.slice(to, toEnd))) {
      const behind =
        fromEnd < seen.length &&
        (toEnd === stored.length || isLess(seen.slice(from, fromEnd), stored.slice(to, toEnd)));
      if (behind) fromEnd++;
      else toEnd++;
      if (fromEnd > seen.length || toEnd > stored.length)
        throw new RangeError(`[${seen}] is no reshape of [${stored}]`);
    }
    groups.push({ from: [from, fromEnd], to: [to, toEnd] });
    [from, to] = [fromEnd, toEnd];
  }
  return groups;
}

const known = (shape: Shape): number =>
  shape.reduce<number>((count, extent) => (typeof extent === "number" ? count * extent : count), 1);

const symbols = (shape: Shape): string[] => shape.filter((extent) => typeof extent === "string").sort();

const product = (shape: Shape): string => `${symbols(shape).join("·")}·${known(shape)}`;

function isLess(left: Shape, right: Shape): boolean {
  const [a, b] = [symbols(left).length, symbols(right).length];
  return a === b ? known(left) < known(right) : a < b;
}
