/**
 * Rotary positions (Su et al., 2021) in halves: element c of a head turns with element c + d/2, by an angle of the position
 * times θ^(−2c/d).
 *
 * Must stay true: angles equal those of transformers, which computes frequencies, angles, cosine and sine in float32.
 */
import { add, concatenate, gather, multiply, reshape, slice, table } from "../../program/build.ts";
import { elementwiseOperands } from "../../program/patterns.ts";
import type { Extent, Value } from "../../program/program.ts";

interface RotaryTables {
  readonly cosines: Value;
  /** Negative in the first half, whose elements get the second half's. */
  readonly sines: Value;
}

/** Tables are shared by all layers of one θ, and large: one for each kind of model. */
const tables = new Map<string, RotaryTables>();
const MAX_TABLES = 8;

function rotaryTables(theta: number, positions: number, headSize: number): RotaryTables {
  const key = `${theta}, ${positions}, ${headSize}`;
  const known = tables.get(key);
  if (known !== undefined) return known;
  if (tables.size >= MAX_TABLES) tables.clear();
  const frequencies = Float32Array.from({ length: headSize / 2 }, (_, pair) => {
    return 1 / Math.fround(theta ** Math.fround((2 * pair) / headSize));
  });
  const signedSine = (angle: number, index: number): number => {
    return index % headSize < headSize / 2 ? -Math.sin(angle) : Math.sin(angle);
  };
  const angles = new Float32Array(positions * headSize);
  for (let position = 0; position < positions; position++) {
    for (let column = 0; column < headSize; column++) {
      angles[position * headSize + column] = position * (frequencies[column % (headSize / 2)] as number);
    }
  }
  const made = {
    cosines: table(`cosines of θ ${theta}`, [positions, headSize], angles.map(Math.cos), "real"),
    sines: table(`sines of θ ${theta}`, [positions, headSize], angles.map(signedSine), "real"),
  };
  tables.set(key, made);
  return made;
}

/**
 * Turns queries or keys, [batch, heads, sequence, head size].
 * @param indices the position of each token, [batch, sequence].
 */
export function rotate(operand: Value, indices: Value, theta: number, positions: number): Value {
  const headSize = Number(operand.shape.at(-1));
  const [batch, sequence] = indices.shape as [Extent, Extent];
  const { cosines, sines } = rotaryTables(theta, positions, headSize);
  const ofTokens = (values: Value): Value => reshape(gather(values, indices), [batch, 1, sequence, headSize]);
  const half = headSize / 2;
  const [first, second] = [slice(operand, 3, 0, half), slice(operand, 3, half, headSize)];
  return add(multiply(operand, ofTokens(cosines)), multiply(concatenate([second, first], 3), ofTokens(sines)));
}

/** The operand of `rotate`, if a value is its result. */
export function matchRotation(value: Value): Value | undefined {
  const [byCosine, bySine] = elementwiseOperands(value, "add");
  const [operand, cosines] = elementwiseOperands(byCosine, "multiply");
  const [turned] = elementwiseOperands(bySine, "multiply");
  if (cosines?.operation.kind !== "reshape" || turned?.operation.kind !== "concatenate") return undefined;
  const { operation } = cosines.operation.operand;
  return operation.kind === "gather" && operation.table.operation.kind === "table" ? operand : undefined;
}
