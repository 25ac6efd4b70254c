/**
 * Stand-ins for float16 and tensor cores on a GPU without them, to test only where kernels read and write.
 *
 * Float16 numbers become float32, although memory holds float16, and fragments become single numbers: the results are
 * meaningless, but no index depends on them. Unlike emulate-tensor-cores.ts, this runs the tiles of hardware GPUs, in a
 * fraction of the time.
 *
 * For sources with bounds checks, which include the fragments' indices.
 */

import type { LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";
import type { Workgroups } from "../../src/engines/webgpu/wgsl/kernel-source.ts";

/** The software GPU's limit. */
const maxInvocations = 256;
/** 16-byte units of workgroup memory for the tile, beside all else. */
const maxUnits = 1024;

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
    // The branch for growing maxima is always taken.
    .replaceAll("workgroupUniformLoad(&must_scale) != 0u", "workgroupUniformLoad(&must_scale) < 2u")
    .replace(/(?<=var<workgroup> tile: array<vec4<u32>, )\d+/, (units) => String(Math.min(Number(units), maxUnits)));
  const [left] = /\b(subgroup(?:[A-Z]|_matrix)\w*|f16)\b/.exec(code) ?? [];
  if (left !== undefined) throw new Error(`the kernel has ${left}, which nothing stands in for`);
  return inParts({ ...lowered, code: `${code}${fragments}`, workgroupMemory: 0 });
}

/**
 * Splits a workgroup larger than the software GPU's limit into several, each with a part of the invocations, which do not see
 * the workgroup memory of the others.
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
