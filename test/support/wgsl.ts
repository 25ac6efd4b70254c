/**
 * As much of WGSL's grammar as it takes to rewrite generated kernels: tokens, brackets that match, and the types of what
 * is declared with one.
 *
 * Must stay true: what is not understood is an error, never passed over.
 */

export interface Token {
  readonly text: string;
  /** Where it begins in the source. */
  readonly start: number;
  readonly end: number;
}

/** Of a name or a function's result, as far as it can be indexed. */
export interface WgslType {
  readonly text: string;
  /** Of an array's or a vector's elements. */
  readonly element?: string;
  /** How many there are; absent for an array whose length the binding decides. */
  readonly length?: number;
}

const space = /(?:\s|\/\/[^\n]*)*/y;
const token = /&&|[A-Za-z_]\w*|0[xX][\da-fA-F]+[iu]?|\d+\.?\d*(?:[eE][+-]?\d+)?[fhiu]?|[-+*/%&|^~!<>=?:;,.(){}[\]@]/y;

export function tokenize(code: string): Token[] {
  const tokens: Token[] = [];
  for (let position = skip(code, 0); position < code.length; position = skip(code, position)) {
    token.lastIndex = position;
    const [text] = token.exec(code) ?? [];
    if (text === undefined) throw new Error(`not understood: ${excerpt(code, position)}`);
    tokens.push({ text, start: position, end: position + text.length });
    position += text.length;
  }
  return tokens;
}

function skip(code: string, position: number): number {
  space.lastIndex = position;
  space.exec(code);
  return space.lastIndex;
}

/** The line of a source that a place is in. */
export function excerpt(code: string, position: number): string {
  const start = code.lastIndexOf("\n", position - 1) + 1;
  const end = code.indexOf("\n", position);
  return code.slice(start, end < 0 ? undefined : end).trim();
}

const closings: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** For each token that opens or closes a bracket, its partner; indexes of tokens. */
export function matchBrackets(tokens: readonly Token[]): ReadonlyMap<number, number> {
  const partners = new Map<number, number>();
  const open: number[] = [];
  tokens.forEach(({ text }, index) => {
    if (text in closings) open.push(index);
    if (![")", "]", "}"].includes(text)) return;
    const opening = open.pop();
    if (opening === undefined || closings[tokens[opening]?.text ?? ""] !== text)
      throw new Error("brackets do not match");
    partners.set(opening, index).set(index, opening);
  });
  if (open.length > 0) throw new Error("brackets do not match");
  return partners;
}

/** The types of variables, parameters and members, and of functions' results, by name. */
export function declaredTypes(tokens: readonly Token[]): ReadonlyMap<string, WgslType> {
  const types = new Map<string, WgslType>();
  const declare = (name: string, type: WgslType): void => {
    const known = types.get(name);
    const isSame = known === undefined || known.text === type.text;
    if (!isSame && (known.element ?? type.element) !== undefined) throw new Error(`${name} is declared with two types`);
    types.set(name, type);
  };
  tokens.forEach(({ text }, index) => {
    if (text === ":") declare(tokens[index - 1]?.text ?? "", typeAt(tokens, index + 1));
    if (text === "fn") {
      const name = tokens[index + 1]?.text ?? "";
      const close = matchBrackets(tokens.slice(index, bodyOf(tokens, index))).get(2);
      if (close !== undefined && tokens[index + close + 1]?.text === "-") {
        declare(name, typeAt(tokens, index + close + 3));
      }
    }
  });
  // A name that also stands for something of which the type is not written cannot be told from it.
  tokens.forEach(({ text }, index) => {
    const name = tokens[index + 1]?.text ?? "";
    if (!["let", "var", "const"].includes(text) || tokens[index + 2]?.text !== "=") return;
    if (types.get(name)?.text.startsWith("array<")) throw new Error(`${name} is declared twice`);
    types.delete(name);
  });
  return types;
}

/** Where a function's body begins. */
function bodyOf(tokens: readonly Token[], from: number): number {
  const body = tokens.findIndex(({ text }, index) => index > from && text === "{");
  if (body < 0) throw new Error("a function has no body");
  return body;
}

/** The type that is written from a token on. */
function typeAt(tokens: readonly Token[], index: number): WgslType {
  const words = [tokens[index]?.text ?? ""];
  if (tokens[index + 1]?.text === "<") {
    let depth = 0;
    for (let next = index + 1; ; next++) {
      const text = tokens[next]?.text;
      if (text === undefined) throw new Error("a type has no end");
      words.push(text);
      if (text === "<") depth++;
      if (text === ">" && --depth === 0) break;
    }
  }
  const text = words.join("");
  const [, element, length] = /^array<(.*?)(?:,(\d+)u?)?>$/.exec(text) ?? [];
  if (element !== undefined) return { text, element, ...(length !== undefined && { length: Number(length) }) };
  return vectorType(text);
}

/** A type of which the text is known, such as an array's element. */
export function vectorType(text: string): WgslType {
  const [, length, element] = /^vec([234])<(\w+)>$/.exec(text) ?? [];
  return element === undefined ? { text } : { text, element, length: Number(length) };
}
