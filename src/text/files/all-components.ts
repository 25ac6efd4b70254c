/** Every component that a tokenizer.json may have; downloaded when a tokenizer is not BERT's. */
import type { Components } from "./components.ts";
import { models } from "./models.ts";
import { normalizers } from "./normalizers.ts";
import { preTokenizers } from "./pre-tokenizers.ts";

export const allComponents: Components = { normalizers, preTokenizers, models };
