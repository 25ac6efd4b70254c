/**
 * WGSL without its names: sources that differ only in what their declarations are called, and in comments, are the same.
 *
 * Every name that a source declares is replaced by its number in order of first appearance; everything else (keywords, types
 * and functions of WGSL, swizzles, numbers, white space but for blank lines) stays. Sources in which two names became one, or one became two, are
 * reported as different.
 */
import { type Token, tokenize } from "../../test/support/wgsl.ts";

export const withoutNames = (code: string): string => renamed(code, (index) => `name_${index}`);

/** A source with the names that another has in the same order: what still differs is no name. */
export function withNamesOf(other: string, code: string): string {
  const names: string[] = [];
  renamed(other, (index, name) => {
    names[index] = name;
    return name;
  });
  return renamed(code, (index, name) => names[index] ?? name);
}

function renamed(code: string, rename: (index: number, name: string) => string): string {
  const tokens = tokenize(code);
  const declared = declaredIn(tokens);
  const names = new Map<string, string>();
  let end = 0;
  const pieces = tokens.map(({ text, start, end: tokenEnd }, index) => {
    const between = code.slice(end, start).replaceAll(/[^\S\n]*\/\/[^\n]*\n?/g, "");
    end = tokenEnd;
    if (!declared.has(text) || isBuiltIn(tokens, index)) return between + text;
    const name = names.get(text) ?? rename(names.size, text);
    names.set(text, name);
    return between + name;
  });
  return pieces.join("").replaceAll(/\n{2,}/g, "\n");
}

const declarers = new Set(["let", "const", "fn", "struct", "alias", "override", "var"]);
const isName = (text: string | undefined): boolean => text !== undefined && /^[A-Za-z_]/.test(text);

function declaredIn(tokens: readonly Token[]): ReadonlySet<string> {
  const names = new Set<string>();
  tokens.forEach(({ text }, index) => {
    // Parameters and members of structures.
    if (isName(text) && text !== "default" && tokens[index + 1]?.text === ":") names.add(text);
    if (!declarers.has(text)) return;
    // `var<storage, read> name`
    const isTemplate = text === "var" && tokens[index + 1]?.text === "<";
    const before = isTemplate ? tokens.findIndex((token, at) => at > index && token.text === ">") : index;
    const name = tokens[before + 1]?.text;
    if (name !== undefined && isName(name)) names.add(name);
  });
  return names;
}

/** A part of a vector (`.xy`), or a name in an attribute (`@builtin(workgroup_id)`), which may also be a variable's name. */
function isBuiltIn(tokens: readonly Token[], index: number): boolean {
  const [before, last] = [tokens[index - 2]?.text, tokens[index - 1]?.text];
  if (last === ".") return /^(?:[xyzw]{1,4}|[rgba]{1,4})$/.test(tokens[index]?.text ?? "");
  return last === "@" || (last === "(" && before === "builtin");
}
