/**
 * Emulates float16 on a GPU without it: float16 in memory is unpacked on reads and packed on writes, and is float32 in
 * registers. This is exact: kernels without tensor cores convert float16 to float32 on loading.
 */

import type { LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";
import { packedHalves } from "../../src/engines/webgpu/wgsl/storage.ts";

const array = /(?<=var<storage, \w+> (\w+): )array<vec4<f16>>/g;

export function emulateHalves<T extends Pick<LoweredKernel, "code">>(lowered: T): T {
  const names = [...lowered.code.matchAll(array)].map(([, name]) => name as string);
  const typed = lowered.code
    .replace("enable f16;\n", "")
    .replace(array, "array<vec2<u32>>")
    .replaceAll("vec4<f16>", "vec4<f32>");
  const code = names.reduce(emulateArray, typed);
  if (/\bf16\b/.test(code)) throw new Error("the kernel has float16 that is not emulated");
  return { ...lowered, code: names.length === 0 ? code : `${code}\n${packedHalves}` };
}

/** Unpacks every element read, and packs every element written. */
function emulateArray(code: string, name: string): string {
  const [before = "", ...accesses] = code.split(new RegExp(`\\b${name}\\[`));
  return accesses.reduce((text, access) => {
    const end = closingBracket(access);
    const [element, rest] = [`${name}[${access.slice(0, end)}]`, access.slice(end + 1)];
    const written = /^ = ([^;]*);/.exec(rest);
    if (written === null) return `${text}unpack_halves(${element})${rest}`;
    return `${text}${element} = pack_halves(${written[1]});${rest.slice(written[0].length)}`;
  }, before);
}

/** The position that closes the bracket open at the start. */
function closingBracket(text: string): number {
  let open = 1;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "[") open++;
    if (text[index] === "]" && --open === 0) return index;
  }
  throw new Error("a bracket is not closed");
}
