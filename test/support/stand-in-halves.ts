/**
 * Kernels in float16 and for tensor cores on a GPU that has neither, for the sake of where they read and write alone.
 *
 * Numbers in float16 become float32, though memory holds float16, and fragments become single numbers: what is computed is
 * nonsense. Where it is read and written is not, for no index depends on a real number. Other than emulate-tensor-cores.ts
 * this takes tiles as large as those of real GPUs, in a fraction of the time.
 *
 * For sources of which the bounds are checked already: their fragments' places are.
 */

import type { LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";
import type { Workgroups } from "../../src/engines/webgpu/wgsl/kernel-source.ts";

/** What the software GPU has. */
const maxInvocations = 256;
/** Of 16 bytes, of workgroup memory: as many as leave room for the rest. */
const mostUnits = 1024;

export function standInForHalves(lowered: LoweredKernel): LoweredKernel {
  const code = lowered.code
    .replace(/^(enable|diagnostic).*;$/gm, "")
    .replaceAll("vec4<f16>", "vec4<f32>")
    .replace(/fn pack_vec8\([\s\S]*?\n\}/, packVec8)
    .replace(/subgroupMatrixLoad<[^(]*>\(&tile, /g, "load_fragment(")
    .replace(/subgroupMatrixStore<row_major>\(&tile, /g, "store_fragment(")
    .replaceAll("subgroupMatrixMultiplyAccumulate(", "fma(")
    .replaceAll("subgroup_matrix_result<f32, 16, 16>", "f32")
    .replaceAll("subgroupShuffleXor(", "shuffle(")
    .replaceAll("subgroupShuffle(", "shuffle(")
    // What is done only where maxima grow is done always.
    .replaceAll("workgroupUniformLoad(&must_scale) != 0u", "workgroupUniformLoad(&must_scale) < 2u")
    .replace(/(?<=var<workgroup> tile: array<vec4<u32>, )\d+/, (units) => String(Math.min(Number(units), mostUnits)));
  const [left] = /\b(subgroup[A-Z_]\w*|f16)\b/.exec(code) ?? [];
  if (left !== undefined) throw new Error(`the kernel has ${left}, which nothing stands in for`);
  return inParts({ ...lowered, code: `${code}${fragments}`, workgroupMemory: 0 });
}

/**
 * A workgroup larger than the software GPU's as several, each with its part of the invocations. They do not see what the
 * other parts put into workgroup memory.
 */
function inParts(lowered: LoweredKernel): LoweredKernel {
  const { workgroupSize, workgroups } = lowered;
  const parts = Math.ceil(workgroupSize / maxInvocations);
  if (parts === 1) return lowered;
  const partSize = workgroupSize / parts;
  const code = lowered.code
    .replace(`@workgroup_size(${workgroupSize})`, `@workgroup_size(${partSize})`)
    .replace("local_invocation_index) local_index: u32", "local_invocation_index) index_in_part: u32")
    .replace(/(index_in_part: u32,\n\) \{)/, `$1\n  let local_index = index_in_part + group.z * ${partSize}u;`);
  if (!Number.isInteger(partSize) || code.split("group.z").length !== 2) {
    throw new Error("a workgroup that cannot be had in parts");
  }
  const inAll = (extentOf: Parameters<typeof workgroups>[0]): Workgroups => {
    const [x, y] = workgroups(extentOf);
    return [x, y, parts];
  };
  return { ...lowered, code, workgroups: inAll, workgroupSize: partSize };
}

const packVec8 = `fn pack_vec8(first: vec4<f32>, second: vec4<f32>) -> vec4<u32> {
  return bitcast<vec4<u32>>(first + second);
}`;

const fragments = `
fn load_fragment(place: u32, stride: u32) -> f32 { return f32(place + stride); }
fn store_fragment(place: u32, value: f32, stride: u32) { _ = f32(place + stride) + value; }
fn shuffle(value: f32, lane: u32) -> f32 { return value + f32(lane); }
`;
