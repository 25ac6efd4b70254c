/** Coordinates' WGSL, evaluated as arithmetic on random shapes, against row-major indexing. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Extent, Shape } from "../../../program/program.ts";
import { at, type Coordinate, delinearize, linear, plus, throughReshape, zero } from "./coordinates.ts";

/** What a run binds extents and coordinates to, by their names in WGSL. */
type Names = ReadonlyMap<string, number>;

/** An expression of type u32, of numbers, names, `+`, `*`, `/`, `%` and parentheses. */
function evaluate(text: string, names: Names): number {
  const tokens = text.match(/\d+u|[a-z][\w.]*|[()+*/%]/g) ?? [];
  expect(tokens.join("")).toBe(text.replaceAll(" ", ""));
  let place = 0;
  const atom = (): number => {
    const token = tokens[place++] ?? "";
    if (token === "(") {
      const inner = sum();
      expect(tokens[place++]).toBe(")");
      return inner;
    }
    return names.get(token) ?? Number(token.replace(/u$/, ""));
  };
  const product = (): number => {
    let value = atom();
    for (let operator = tokens[place]; operator && "*/%".includes(operator); operator = tokens[place]) {
      place++;
      const right = atom();
      value = operator === "*" ? value * right : operator === "/" ? Math.floor(value / right) : value % right;
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    while (tokens[place] === "+") {
      place++;
      value += product();
    }
    return value;
  };
  const value = sum();
  expect(place, text).toBe(tokens.length);
  return value;
}

const extents = fc.constantFrom<Extent>(1, 2, 3, 4, 5, 8, 12, "batch", "sequence");
const bindings = fc.record({ batch: fc.integer({ min: 1, max: 4 }), sequence: fc.integer({ min: 1, max: 9 }) });

type Binding = Readonly<Record<"batch" | "sequence", number>>;

const namesOf = (binding: Binding): Map<string, number> =>
  new Map(Object.entries(binding).map(([symbol, extent]) => [`extents.${symbol}`, extent]));

const bind = (shape: Shape, names: Names): number[] =>
  shape.map((extent) => (typeof extent === "number" ? extent : (names.get(`extents.${extent}`) ?? Number.NaN)));

const count = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

const rowMajor = (place: readonly number[], shape: readonly number[]): number =>
  place.reduce((index, coordinate, axis) => index * (shape[axis] ?? 1) + coordinate, 0);

/** A place in a shape, with a variable for each axis; axes of one element, and some others, are at the constant 0. */
function placeIn(shape: readonly number[], choices: readonly number[], names: Map<string, number>): Coordinate[] {
  return shape.map((extent, axis) => {
    const choice = choices[axis] ?? 0;
    if (extent === 1 || choice % 7 === 0) return zero;
    const multipleOf = [1, 2, 4][choice % 3] ?? 1;
    names.set(`at${axis}`, Math.floor((choice % extent) / multipleOf) * multipleOf);
    return at(`at${axis}`, multipleOf);
  });
}

/** The coordinate's value, which must be a multiple of what it is said to be. */
function checkedValue({ text, multipleOf }: Coordinate, names: Names): number {
  const value = evaluate(text, names);
  expect(multipleOf === 0 ? value : value % multipleOf, `${text} is no multiple of ${multipleOf}`).toBe(0);
  return value;
}

const shapes = fc.array(extents, { minLength: 1, maxLength: 5 });
const choices = fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 });

test("the test evaluates expressions as WGSL does", () => {
  const names = new Map([["extents.batch", 3]]);
  expect(evaluate("(((7u * extents.batch + 2u) / 4u) % 4u)", names)).toBe(1);
  expect(evaluate("7u / 2u * 2u + 1u", names)).toBe(7);
});

test("linear is the index in row-major order", () => {
  fc.assert(
    fc.property(shapes, bindings, choices, (shape, binding, chosen) => {
      const names = namesOf(binding);
      const bound = bind(shape, names);
      const place = placeIn(bound, chosen, names);
      const expected = rowMajor(
        place.map((coordinate) => checkedValue(coordinate, names)),
        bound,
      );
      expect(checkedValue(linear(place, shape), names)).toBe(expected);
    }),
  );
});

test("delinearize is its inverse", () => {
  fc.assert(
    fc.property(shapes, bindings, fc.nat(), fc.constantFrom(1, 2, 4, 12), (shape, binding, chosen, multipleOf) => {
      const names = namesOf(binding);
      const bound = bind(shape, names);
      const index = Math.floor((chosen % count(bound)) / multipleOf) * multipleOf;
      names.set("index", index);
      const found = delinearize(at("index", multipleOf), shape).map((coordinate) => checkedValue(coordinate, names));
      expect(found.every((coordinate, axis) => coordinate < (bound[axis] ?? 0))).toBe(true);
      expect(rowMajor(found, bound)).toBe(index);
    }),
  );
});

test("plus moves a coordinate", () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 4, 8), fc.nat(20), fc.nat(40), (multipleOf, start, offset) => {
      const names = new Map([["here", start * multipleOf]]);
      expect(checkedValue(plus(at("here", multipleOf), offset), names)).toBe(start * multipleOf + offset);
      expect(checkedValue(plus(zero, offset), names)).toBe(offset);
    }),
  );
});

/** Neighbouring extents taken together, as long as they are numbers and `cuts` does not say otherwise. */
function grouped(factors: Shape, cuts: readonly boolean[]): Extent[] {
  const shape: Extent[] = [];
  factors.forEach((factor, index) => {
    const last = shape.at(-1);
    const joins = typeof last === "number" && typeof factor === "number" && !cuts[index];
    if (joins) shape[shape.length - 1] = last * factor;
    else shape.push(factor);
  });
  return shape;
}

describe("throughReshape", () => {
  const cuts = fc.array(fc.boolean(), { minLength: 6, maxLength: 6 });
  const factors = fc.array(fc.constantFrom<Extent>(1, 2, 3, 4, "batch", "sequence"), { minLength: 1, maxLength: 6 });

  function expectSameElement(seen: Shape, own: Shape, binding: Binding, chosen: readonly number[]): void {
    const names = namesOf(binding);
    const [boundSeen, boundOwn] = [bind(seen, names), bind(own, names)];
    const place = placeIn(boundSeen, chosen, names);
    const expected = rowMajor(
      place.map((coordinate) => checkedValue(coordinate, names)),
      boundSeen,
    );
    const found = throughReshape(place, seen, own).map((coordinate) => checkedValue(coordinate, names));
    expect(found).toHaveLength(own.length);
    expect(found.every((coordinate, axis) => coordinate < (boundOwn[axis] ?? 0))).toBe(true);
    expect(rowMajor(found, boundOwn)).toBe(expected);
  }

  test("finds the same element in the other shape, axes split and joined", () => {
    fc.assert(
      fc.property(factors, cuts, cuts, bindings, choices, (factors, first, second, binding, chosen) => {
        expectSameElement(grouped(factors, first), grouped(factors, second), binding, chosen);
      }),
    );
  });

  test("also where no axes match", () => {
    const orders = factors.chain((factors) =>
      fc.tuple(fc.constant(factors), fc.shuffledSubarray(factors, { minLength: factors.length })),
    );
    fc.assert(
      fc.property(orders, bindings, choices, ([seen, own], binding, chosen) => {
        expectSameElement(seen, own, binding, chosen);
      }),
    );
  });

  test("keeps the columns of a row apart from the rest, and what they are multiples of", () => {
    const [row, column] = throughReshape([at("row"), at("column", 4)], [6, 32], [2, 3, 32]).slice(-2) as Coordinate[];
    expect(row).toEqual({ text: "(row % 3u)", multipleOf: 1 });
    expect(column).toEqual({ text: "column", multipleOf: 4 });
  });

  test("refuses shapes of different sizes", () => {
    expect(() => throughReshape([at("x")], [6], [5])).toThrow(/\[6\] is no reshape of \[5\]/);
  });
});
