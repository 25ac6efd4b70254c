/**
 * Tells the elements of real tokens from padding, which is never compared: implementations compute different values there,
 * and none is used.
 */
import { describe } from "../../checkpoint/describe.ts";
import { InputError } from "../../errors.ts";

/** For a shape, returns whether the element at a flat index is real; undefined if all are. */
export type RealPositions = (shape: readonly number[]) => ((flatIndex: number) => boolean) | undefined;

/**
 * The real positions of stages of [batch, sequence], [batch, sequence, width] and [batch, heads, sequence, width], where a row
 * is real or not, and of [batch, heads, query, key], where query and key must both be real, because implementations store different values at a
 * masked key (zeros, -∞, an unmasked score).
 * @param mask [batch, sequence], 0 for padding; undefined without padding.
 * @throws InputError if the mask has another length; the returned function throws it for any other shape.
 */
export function realRows(mask: ArrayLike<number> | undefined, batch: number, sequence: number): RealPositions {
  if (mask === undefined) return () => undefined;
  if (mask.length !== batch * sequence) {
    throw new InputError({
      found: `the attention mask has ${mask.length} elements`,
      expected: `${batch} × ${sequence}, one a position`,
    });
  }
  const real = Uint8Array.from(mask, (value) => (value === 0 ? 0 : 1));
  if (!real.includes(0)) return () => undefined;
  return (shape) => {
    const [rows, second, third, fourth] = shape;
    if (rows === batch && second === sequence && shape.length <= 3) {
      const width = third ?? 1;
      return (index) => real[Math.floor(index / width)] === 1;
    }
    if (rows === batch && third === sequence && fourth === sequence && shape.length === 4) {
      return attentionPositions(real, second ?? 0, sequence);
    }
    if (rows === batch && third === sequence && shape.length === 4) {
      return headPositions(real, second ?? 0, sequence, fourth ?? 1);
    }
    const rowsOf = `[${batch}, ${sequence}], [${batch}, ${sequence}, width]`;
    throw new InputError({
      found: `the attention mask does not fit the shape ${describe(shape)}`,
      expected: `${rowsOf} or [${batch}, heads, ${sequence}, ${sequence} or width]`,
    });
  };
}

function attentionPositions(real: Uint8Array, heads: number, sequence: number): (index: number) => boolean {
  return (index) => {
    const row = Math.floor(index / sequence); // (batch · heads + head) · sequence + query
    const start = Math.floor(row / (sequence * heads)) * sequence;
    return real[start + (row % sequence)] === 1 && real[start + (index - row * sequence)] === 1;
  };
}

function headPositions(real: Uint8Array, heads: number, sequence: number, width: number): (index: number) => boolean {
  return (index) => {
    const row = Math.floor(index / width); // (batch · heads + head) · sequence + position
    return real[Math.floor(row / (sequence * heads)) * sequence + (row % sequence)] === 1;
  };
}
