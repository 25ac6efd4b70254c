/**
 * Adds a bounds check to every index of generated WGSL.
 *
 * By default WebGPU clamps an index out of bounds or drops the write; in trusted kernels (`DawnOptions.trusted`) it accesses
 * other memory. Clamping misses accesses within the bound range, which has memory for more tokens than the run, in an arena
 * that all kernels share. So the bound of a tensor is its shape in the run, with row padding, or the bound range if smaller; a
 * vector's is its part of the binding `vectors`. A tensor-core fragment counts with all 16 rows.
 *
 * Nothing else changes: index expressions stay in place, evaluated as often and in the same order.
 *
 * Must stay true: each `[` of a source, which in WGSL is always an index, is checked or refused, unless its text alone
 * proves the index in bounds, or it is in a function that is not called.
 */

import type { LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";
import type { Placement } from "../../src/engines/webgpu/plan/placement.ts";
import type { Binding } from "../../src/engines/webgpu/wgsl/bindings.ts";
import { productText } from "../../src/engines/webgpu/wgsl/kernel-source.ts";
import { rowVectorsText } from "../../src/engines/webgpu/wgsl/storage.ts";
import { declaredTypes, excerpt, matchBrackets, type Token, tokenize, vectorType, type WgslType } from "./wgsl.ts";

/** The 32-bit words that hold a bit per site. */
export const wordsOf = (sites: number): number => Math.ceil(sites / 32);

/** The violations that are recorded. */
export const maxEntries = 32;
/** The maximum of `wordsOf` all sites. */
export const maxWords = 4096;

export interface CheckedKernel {
  readonly code: string;
  /** The line of each site. */
  readonly sites: readonly string[];
}

/** The exclusive upper and the inclusive lower bound of an index, as WGSL. */
interface Range {
  readonly begin: string;
  readonly end: string;
}

/** @param firstSite the number of its first site among those of all kernels, a multiple of 32. */
export function checkBounds(kernel: LoweredKernel, placement: Placement, firstSite: number): CheckedKernel {
  return new Rewriter(kernel, placement).rewrite(firstSite);
}

class Rewriter {
  readonly #placement: Placement;
  readonly #code: string;
  readonly #tokens: readonly Token[];
  readonly #partners: ReadonlyMap<number, number>;
  readonly #types: ReadonlyMap<string, WgslType>;
  readonly #bindings: ReadonlyMap<string, Binding>;
  /** By position in the source. */
  readonly #insertions: { readonly at: number; readonly text: string }[] = [];
  readonly #sites: string[] = [];

  constructor(kernel: LoweredKernel, placement: Placement) {
    this.#placement = placement;
    this.#code = kernel.code;
    this.#tokens = tokenize(kernel.code);
    this.#partners = matchBrackets(this.#tokens);
    this.#types = declaredTypes(this.#tokens);
    this.#bindings = new Map(
      kernel.bindings.map((binding) => [
        binding.kind === "tensor" ? binding.name : binding.kind.replace("-", "_"),
        binding,
      ]),
    );
  }

  rewrite(firstSite: number): CheckedKernel {
    const uncalled = this.#uncalled();
    this.#tokens.forEach(({ text }, index) => {
      if (uncalled.some(([first, last]) => index > first && index < last)) return;
      if (text === "[") this.#checkIndex(index);
      else if (text === "&" && !this.#isOperand(index - 1)) this.#checkPointer(index);
    });
    this.#enterAndLeave();
    const inserted = [...this.#insertions].sort((left, right) => right.at - left.at);
    const code = inserted.reduce((text, { at, text: added }) => text.slice(0, at) + added + text.slice(at), this.#code);
    return { code: `${code}\n${this.#recording(firstSite)}`, sites: this.#sites };
  }

  /** The bodies of functions that the kernel has and does not call. */
  #uncalled(): (readonly [number, number])[] {
    const named = new Map<string, number>();
    for (const { text } of this.#tokens) named.set(text, (named.get(text) ?? 0) + 1);
    return this.#tokens.flatMap(({ text }, index) => {
      const name = this.#text(index + 1);
      if (text !== "fn" || name === "main" || named.get(name) !== 1) return [];
      const body = this.#tokens.findIndex((token, at) => at > index && token.text === "{");
      return [[body, this.#partners.get(body) ?? this.#refuse(index)] as const];
    });
  }

  #text(index: number): string {
    return this.#tokens[index]?.text ?? "";
  }

  #insert(at: number | undefined, text: string): void {
    if (at === undefined) throw new Error("an insertion beyond the source");
    this.#insertions.push({ at, text });
  }

  #refuse(index: number): never {
    throw new Error(`not understood: ${excerpt(this.#code, this.#tokens[index]?.start ?? 0)}`);
  }

  /** Wraps the text between two tokens in the check. */
  #check(first: number, last: number, { begin, end }: Range): void {
    const site = this.#sites.push(excerpt(this.#code, this.#tokens[first]?.start ?? 0)) - 1;
    this.#insert(this.#tokens[first]?.start, `bounds_checked${Math.floor(site / 32)}(`);
    this.#insert(this.#tokens[last]?.end, `, ${begin}, ${end}, ${site}u)`);
  }

  #checkIndex(open: number): void {
    const close = this.#partners.get(open) ?? this.#refuse(open);
    const { length } = this.#indexedType(open);
    const array = this.#text(open - 1);
    if (length !== undefined && this.#isBelow(length, open + 1, close - 1)) return;
    if (length !== undefined) this.#check(open + 1, close - 1, { begin: "0u", end: `${length}u` });
    else this.#check(open + 1, close - 1, this.#rangeIn(array, open));
  }

  /** Whether an expression is always less: a literal, or a remainder, in parentheses or not. */
  #isBelow(length: number, first: number, last: number): boolean {
    const divisor = /^(\d+)u?$/.exec(this.#text(last))?.[1];
    if (first === last) return divisor !== undefined && Number(divisor) < length;
    if (this.#partners.get(first) === last) return this.#isBelow(length, first + 1, last - 1);
    if (divisor === undefined || Number(divisor) > length || this.#text(last - 1) !== "%") return false;
    // Of one operand only: in a sum it would be the last term's remainder.
    const end = last - 2;
    const isCall = /^\w+$/.test(this.#text(first)) && this.#partners.get(first + 1) === end;
    return first === end || this.#partners.get(first) === end || isCall;
  }

  /** The type of what is indexed. */
  #indexedType(open: number): WgslType & { readonly element: string } {
    const type = this.#typeBefore(open);
    if (type?.element === undefined) return this.#refuse(open);
    return { ...type, element: type.element };
  }

  #typeBefore(open: number): WgslType | undefined {
    const before = open - 1;
    const opening = this.#partners.get(before);
    if (this.#text(before) === "]" && opening !== undefined) return vectorType(this.#indexedType(opening).element);
    const name = this.#text(before) === ")" && opening !== undefined ? opening - 1 : before;
    return this.#text(name - 1) === "." ? undefined : this.#types.get(this.#text(name));
  }

  /** The bounds of a binding, or of the vector in it that an index begins with the offset of. */
  #rangeIn(name: string, open: number): Range {
    const binding = this.#bindings.get(name) ?? this.#refuse(open);
    if (binding.kind === "tensor") return { begin: "0u", end: `bounds_end_${name}` };
    if (binding.kind === "grid-barrier") return { begin: "0u", end: "64u" };
    const isOffset = /^\d+u$/.test(this.#text(open + 1)) && ["+", "]"].includes(this.#text(open + 2));
    const offset = isOffset ? Number.parseInt(this.#text(open + 1), 10) : 0;
    let begin = 0;
    for (const { shape } of binding.values) {
      const end = begin + Math.ceil(Number(shape[0]) / 4);
      if (begin === offset) return { begin: `${begin}u`, end: `${end}u` };
      begin = end;
    }
    return this.#refuse(open);
  }

  /** Whether a token ends a value, so that an operator follows. */
  #isOperand(index: number): boolean {
    return /^[\w)\]]/.test(this.#text(index)) && this.#text(index) !== "return";
  }

  /** Pointers are to scalars, or to the array of fragments. */
  #checkPointer(index: number): void {
    // To an element: its index is checked as every other.
    if (this.#text(index + 2) === "[") return;
    const type = this.#types.get(this.#text(index + 1)) ?? this.#refuse(index);
    if (/^(atomic<|u32$)/.test(type.text)) return;
    const name = this.#callee(index - 1);
    const operation = /^subgroupMatrix(Load|Store)<(.*)>$/.exec(name);
    if (operation === null || !type.text.startsWith("array<vec4<u32>,")) this.#refuse(index);
    const [place, ...others] = this.#arguments(index - 1).slice(1);
    const stride = /^(\d+)u$/.exec(this.#code.slice(...this.#extent(others.at(-1))))?.[1];
    if (place === undefined || stride === undefined) this.#refuse(index);
    const isResult = operation[1] === "Store" || /subgroup_matrix_result<f32,/.test(name);
    const last = 15 * Number(stride) + (isResult ? 3 : 1);
    this.#check(...place, { begin: "0u", end: `${Number(type.length) - last}u` });
  }

  #extent([first, last]: readonly [number, number] = [0, 0]): [number, number] {
    return [this.#tokens[first]?.start ?? 0, this.#tokens[last]?.end ?? 0];
  }

  /** The called function, with its template arguments. */
  #callee(open: number): string {
    let first = open - 1;
    for (let depth = 0; this.#text(first) === ">" || depth > 0; first--) {
      if (this.#text(first) === ">") depth++;
      if (this.#text(first) === "<" && --depth === 0) {
        first--;
        break;
      }
    }
    return this.#code.slice(...this.#extent([first, open - 1])).replaceAll(/\s/g, "");
  }

  /** First and last token of each argument of a call. */
  #arguments(open: number): (readonly [number, number])[] {
    const close = this.#partners.get(open) ?? this.#refuse(open);
    const found: (readonly [number, number])[] = [];
    let first = open + 1;
    for (let index = open + 1; index <= close; index++) {
      const partner = this.#partners.get(index);
      if (index < close && partner !== undefined && partner > index) index = partner;
      else if (this.#text(index) === "," || index === close) {
        found.push([first, index - 1]);
        first = index + 1;
      }
    }
    return found;
  }

  /** Bounds are computed at the start of the kernel; violations are recorded at every return. */
  #enterAndLeave(): void {
    const main = this.#tokens.findIndex(({ text }, index) => text === "main" && this.#text(index - 1) === "fn");
    const body = (this.#partners.get(main + 1) ?? this.#refuse(main)) + 1;
    const end = this.#partners.get(body) ?? this.#refuse(body);
    const bounds = [...this.#bindings].flatMap(([name, binding]) =>
      binding.kind !== "tensor" ? [] : [`\n  bounds_end_${name} = ${this.#lengthText(name, binding)};`],
    );
    this.#insert(this.#tokens[body]?.end, bounds.join(""));
    for (let index = body; index < end; index++) {
      if (this.#text(index) !== "return") continue;
      if (!["{", ";", "}"].includes(this.#text(index - 1))) this.#refuse(index);
      this.#insert(this.#tokens[index]?.start, "bounds_report(); ");
    }
    this.#insert(this.#tokens[end]?.start, "  bounds_report();\n");
  }

  /** Float16 may be stored in an array of another type (stand-in-halves.ts), so only its shape counts. */
  #lengthText(name: string, { value, partialSums }: Extract<Binding, { kind: "tensor" }>): string {
    const type = this.#placement.typeOf(value);
    const isSingle = type === "integers" || type === "scalars";
    const one = isSingle
      ? productText(value.shape)
      : `${productText(value.shape.slice(0, -1))} * ${rowVectorsText(value.shape)}`;
    const own = `${partialSums}u * ${one}`;
    const seen = this.#types.get(name)?.element === "vec4<u32>" ? `${own} / 2u` : own;
    return type === "f16" ? seen : `min(${seen}, arrayLength(&${name}))`;
  }

  #recording(firstSite: number): string {
    const words = Math.max(1, wordsOf(this.#sites.length));
    const tensors = [...this.#bindings].flatMap(([name, { kind }]) => (kind === "tensor" ? [name] : []));
    return [
      "struct BoundsRecord {",
      "  count: atomic<u32>,",
      `  entries: array<vec2<u32>, ${maxEntries}>,`,
      `  reached: array<atomic<u32>, ${maxWords}>,`,
      "}",
      "@group(1) @binding(0) var<storage, read_write> bounds_record: BoundsRecord;",
      ...tensors.map((name) => `var<private> bounds_end_${name}: u32;`),
      "var<private> bounds_site: u32;",
      "var<private> bounds_index: u32;",
      ...Array.from({ length: words }, (_, word) => [
        `var<private> bounds_reached${word}: u32;`,
        `fn bounds_checked${word}(index: u32, begin: u32, end: u32, site: u32) -> u32 {`,
        "  let is_outside = index - begin >= end - begin;",
        "  bounds_site = select(bounds_site, site + 1u, is_outside);",
        "  bounds_index = select(bounds_index, index, is_outside);",
        `  bounds_reached${word} |= 1u << (site % 32u);`,
        "  return index;",
        "}",
      ]).flat(),
      "fn bounds_report() {",
      "  if (bounds_site != 0u) {",
      "    let entry = atomicAdd(&bounds_record.count, 1u);",
      `    if (entry < ${maxEntries}u) { bounds_record.entries[entry] = vec2<u32>(${firstSite}u + bounds_site - 1u, bounds_index); }`,
      "  }",
      ...Array.from({ length: words }, (_, word) => {
        return `  atomicOr(&bounds_record.reached[${firstSite / 32 + word}u], bounds_reached${word});`;
      }),
      "}",
      "",
    ].join("\n");
  }
}
