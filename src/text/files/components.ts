/** The kinds of components that a tokenizer.json may have, by their `type`. */
import type { Normalizer } from "../normalizers/normalizer.ts";
import type { PreTokenizer } from "../pre-tokenizers/pre-tokenizer.ts";
import type { Readers } from "./validate.ts";
import type { ReadModel } from "./word-piece.ts";

export interface Components {
  readonly normalizers: Readers<Normalizer>;
  readonly preTokenizers: Readers<PreTokenizer>;
  readonly models: Readers<ReadModel>;
}
