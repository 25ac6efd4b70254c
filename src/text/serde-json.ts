/**
 * How Hugging Face's tokenizers read a number of a JSON file: with the Rust crate serde_json, which is less exact than
 * JSON.parse. It multiplies or divides the digits, as one float64, by a power of ten, so a number of 17 digits may be off
 * by one unit in the last place.
 *
 * This decides between cuts of a word that have the same pieces in different orders, and so the same probability, as in
 * "......": the order of additions decides which sum is greater.
 *
 * Must stay true: the number was written with as few digits as identify it, as JavaScript, Python and Rust write it.
 */
export function asSerdeJsonReads(value: number): number {
  const [decimal = "", exponent = "0"] = String(value).split("e");
  const [whole = "", fraction = ""] = decimal.split(".");
  const power = Number(exponent) - fraction.length;
  const digits = Number(whole + fraction);
  return power < 0 ? digits / Number(`1e${-power}`) : digits * Number(`1e${power}`);
}
