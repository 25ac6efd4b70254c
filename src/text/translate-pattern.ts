/**
 * Patterns of tokenizer.json, which are written for Oniguruma, as JavaScript's regular expressions.
 *
 * What means the same in both is kept, what can be said in JavaScript is translated, and anything else is refused by
 * name rather than guessed. A repeated group that holds a repetition is refused too: matching one may take time
 * exponential in the text.
 *
 * Must stay true: a translated pattern matches the same strings as Oniguruma's, whose Unicode is 16.
 */
import { known, unknownOr } from "./regex.ts";

/** Thrown for a pattern that has no translation; the message is a noun phrase. */
export class PatternError extends Error {}

const START = "(?<![^])";
const END = "(?![^])";

/** Escapes that stand for sets of characters. */
const SETS: Readonly<Record<string, string>> = {
  s: "\\p{White_Space}",
  S: "\\P{White_Space}",
  d: known("\\p{Nd}"),
  D: unknownOr("\\P{Nd}"),
  // Letters, marks, digits and connectors; and, unless in a class, numbers of Latin-1.
  w: known("\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u00b2\\u00b3\\u00b9\\u00bc-\\u00be"),
  h: "[0-9a-fA-F]",
};
const WORD_IN_CLASS = known("\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}");
const CATEGORIES = /^(L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?)$/;
const SCRIPTS = /^(Han|Hiragana|Katakana|Hangul|Cyrillic|Latin|Greek|Arabic|Thai)$/;
/** A letter that is equal to another when case does not matter, beside its own other case. */
const FOLDED: Readonly<Record<string, string>> = { s: "\\u017f", k: "\\u212a" };

/**
 * Translates a pattern, as a global regular expression.
 * @throws PatternError if it says something that has no translation.
 */
export function translatePattern(pattern: string): RegExp {
  const source = new Translator(pattern).translate();
  try {
    return new RegExp(source, "gv");
  } catch {
    throw new PatternError("a malformed pattern");
  }
}

interface Group {
  readonly ignoresCase: boolean;
  repeats: boolean;
}

class Translator {
  readonly #pattern: string;
  #at = 0;
  readonly #groups: Group[] = [{ ignoresCase: false, repeats: false }];

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  translate(): string {
    let source = "";
    while (this.#at < this.#pattern.length) source += this.#next();
    return source;
  }

  get #group(): Group {
    const group = this.#groups.at(-1);
    if (group === undefined) throw new PatternError("a malformed pattern");
    return group;
  }

  #take(): string {
    const codePoint = this.#pattern.codePointAt(this.#at);
    if (codePoint === undefined) throw new PatternError("a malformed pattern");
    const character = String.fromCodePoint(codePoint);
    this.#at += character.length;
    return character;
  }

  #next(): string {
    const character = this.#take();
    if (character === "\\") return this.#escape();
    if (character === "[") return this.#characterClass();
    if (character === "(") return this.#open();
    if (character === ")") return this.#close();
    if (character === ".") return "[^\\n]";
    if (character === "$") return `(?=\\n|${END})`;
    if (character === "^") return `(?<=\\n|${START})`;
    if (/[*+?{]/.test(character)) return this.#repeat(character);
    return character === "|" ? character : this.#literal(character);
  }

  #literal(character: string): string {
    if (!this.#group.ignoresCase) return /[\]}/]/.test(character) ? `\\${character}` : character;
    const [lower, upper] = [character.toLowerCase(), character.toUpperCase()];
    if (lower === upper) return character;
    if (!/^[a-z]$/.test(lower)) throw new PatternError("(?i) with letters other than a to z");
    return `[${lower}${upper}${FOLDED[lower] ?? ""}]`;
  }

  #repeat(character: string): string {
    this.#group.repeats = true;
    if (character === "{") {
      const [bounds] = /^\d+(,\d*)?\}/.exec(this.#pattern.slice(this.#at)) ?? [];
      if (bounds === undefined) throw new PatternError("{ without bounds");
      this.#at += bounds.length;
      return `{${bounds}`;
    }
    if (this.#pattern[this.#at] === "+") throw new PatternError(`the possessive ${character}+`);
    return character;
  }

  #open(): string {
    const rest = this.#pattern.slice(this.#at);
    const [opening = ""] = /^\?(:|=|!|<=|<!|i:)/.exec(rest) ?? [];
    if (opening === "" && rest.startsWith("?")) throw new PatternError(`a group that begins with (${rest.slice(0, 2)}`);
    this.#at += opening.length;
    this.#groups.push({ ignoresCase: opening === "?i:" || this.#group.ignoresCase, repeats: false });
    return opening === "" || opening === "?i:" ? "(?:" : `(${opening}`;
  }

  #close(): string {
    const closed = this.#groups.pop();
    if (closed?.repeats === true) {
      if (/^[*+{]/.test(this.#pattern.slice(this.#at))) throw new PatternError("a repetition within a repetition");
      this.#group.repeats = true;
    }
    return ")";
  }

  /** After a backslash. */
  #escape(): string {
    const character = this.#take();
    const set = this.#set(character);
    if (set !== undefined) return set;
    if (character === "A") return START;
    if (character === "z") return END;
    if (/[nrtfv]/.test(character)) return `\\${character}`;
    if (/[a-zA-Z0-9]/.test(character)) throw new PatternError(`\\${character}`);
    return /[\\^$.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
  }

  /** The set of characters that an escape stands for, if it does. */
  #set(character: string): string | undefined {
    if (Object.hasOwn(SETS, character)) return SETS[character];
    if (character !== "p" && character !== "P") return undefined;
    const [written = "", name = ""] = /^\{(\w+)\}/.exec(this.#pattern.slice(this.#at)) ?? [];
    const isScript = SCRIPTS.test(name);
    if (!isScript && !CATEGORIES.test(name)) throw new PatternError(`\\${character}${written}`);
    this.#at += written.length;
    const property = `\\${character}{${isScript ? `Script=${name}` : name}}`;
    return character === "p" ? known(property) : unknownOr(property);
  }

  #characterClass(): string {
    if (this.#group.ignoresCase) throw new PatternError("a character class within (?i)");
    let content = this.#pattern[this.#at] === "^" ? "^" : "";
    this.#at += content.length;
    let isEmpty = true;
    for (;;) {
      const character = this.#take();
      if (character === "]") break;
      content += this.#member(character, isEmpty);
      isEmpty = false;
    }
    if (isEmpty) throw new PatternError("an empty character class");
    return `[${content}]`;
  }

  #member(character: string, isFirst: boolean): string {
    if (character === "[") throw new PatternError("a character class within another");
    if (character === "&" && this.#pattern[this.#at] === "&") throw new PatternError("an intersection of classes");
    if (character === "-" && !isFirst && this.#pattern[this.#at] !== "]") return character;
    if (character !== "\\") return inClass(character);
    const escaped = this.#take();
    const set = escaped === "w" ? WORD_IN_CLASS : this.#set(escaped);
    if (set !== undefined) return set;
    if (/[nrtfv]/.test(escaped)) return `\\${escaped}`;
    if (/[a-zA-Z0-9]/.test(escaped)) throw new PatternError(`\\${escaped} in a character class`);
    return inClass(escaped);
  }
}

function inClass(character: string): string {
  return /[&\-!#%,:;<=>@`~^$\\.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}
