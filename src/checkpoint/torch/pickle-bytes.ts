/**
 * Reads a pickle's bytes from front to back.
 *
 * Must stay true: no read goes past the end, and a length in the file is compared with what is left before it is used.
 */
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { grouped } from "../describe.ts";
import { decodeUtf8 } from "../json.ts";

/** Some 37,000 tensors have so many; the largest models have some thousand in each file. */
export const MAX_PICKLE_BYTES = 10_000_000;
/** A module or a name of a global. */
const MAX_LINE = 200;

export class PickleBytes {
  /** The file's name, for errors. */
  readonly what: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isCut: boolean;
  #position: number;

  /**
   * @param isCut whether the file goes on after `bytes`.
   * @param position where to begin.
   */
  constructor(bytes: Uint8Array, what: string, isCut = false, position = 0) {
    this.what = what;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#isCut = isCut;
    this.#position = position;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position;
  }

  byte(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  /** Pickles have floats big-endian. */
  float64(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }

  /** A little-endian two's complement of `length` bytes: a number if it is a safe one. */
  integer(length: number): number | bigint {
    const start = this.#skip(length);
    let value = 0n;
    for (let at = start + length - 1; at >= start; at--) value = (value << 8n) | BigInt(this.#view.getUint8(at));
    const signed = BigInt.asIntN(8 * length, value);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed;
  }

  text(length: number): string {
    const start = this.#skip(length);
    return decodeUtf8(this.#bytes.subarray(start, start + length), `A text in ${this.what}`);
  }

  /** A text up to a line break. */
  line(): string {
    const start = this.#position;
    const end = this.#bytes.subarray(start, start + MAX_LINE + 1).indexOf(0x0a);
    if (end === -1 && this.#bytes.length - start <= MAX_LINE) throw this.#ended();
    if (end === -1) {
      throw new CheckpointError({
        found: `${this.what} names a global of more than ${MAX_LINE} characters`,
        expected: "one of PyTorch's",
        advice: GET_AGAIN,
      });
    }
    const text = this.text(end);
    this.#position++;
    return text;
  }

  #skip(length: number): number {
    const start = this.#position;
    if (length > this.#bytes.length - start) throw this.#ended();
    this.#position = start + length;
    return start;
  }

  #ended(): CheckpointError {
    if (this.#isCut) {
      return new CheckpointError({
        found: `${this.what} has a pickle of more than ${grouped(MAX_PICKLE_BYTES)} bytes`,
        expected: "a dict of tensors",
        advice: "Save only the weights: torch.save(model.state_dict(), …).",
      });
    }
    return new CheckpointError({
      found: `${this.what} ends in the middle of its pickle`,
      expected: "a whole pickle",
      advice: GET_AGAIN,
    });
  }
}
