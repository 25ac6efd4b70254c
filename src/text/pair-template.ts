/**
 * How a question and a text become one sequence: the special tokens before, between and after them, and the token type
 * of every part. BERT's is `[CLS] question [SEP] text [SEP]` with types 0 and 1, RoBERTa's
 * `<s> question </s> </s> text </s>` with type 0 everywhere.
 *
 * Must stay true: a template begins with a special token, whose position stands for "no answer" (docs/semantics.md).
 */

export interface TemplateToken {
  readonly id: number;
  readonly type: number;
}

export interface PairTemplate {
  /** Before the question; at least one. */
  readonly before: readonly TemplateToken[];
  readonly questionType: number;
  readonly between: readonly TemplateToken[];
  readonly textType: number;
  readonly after: readonly TemplateToken[];
}

/** The number of special tokens in a sequence of question and text. */
export function specialCount({ before, between, after }: PairTemplate): number {
  return before.length + between.length + after.length;
}

/** `[CLS] question [SEP] text [SEP]`; the text and what follows have type 1. */
export function bertTemplate(cls: number, sep: number): PairTemplate {
  return {
    before: [{ id: cls, type: 0 }],
    questionType: 0,
    between: [{ id: sep, type: 0 }],
    textType: 1,
    after: [{ id: sep, type: 1 }],
  };
}

/** `<s> question </s> </s> text </s>`; every type is 0. */
export function robertaTemplate(cls: number, sep: number): PairTemplate {
  const separator = { id: sep, type: 0 };
  return {
    before: [{ id: cls, type: 0 }],
    questionType: 0,
    between: [separator, separator],
    textType: 0,
    after: [separator],
  };
}
