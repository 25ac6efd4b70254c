/**
 * Emulates tensor cores on a GPU without them or float16: replaces fragments and shuffles in the WGSL.
 *
 * A lane holds the part of a fragment that it needs: one row of a left operand, eight columns of a right one, eight elements
 * of the result. The assignment differs from the hardware's, but WGSL leaves it open, so a kernel cannot depend on it. All
 * else (loads into workgroup memory, the order of barriers, prologue and epilogue) is the kernel's code.
 *
 * For kernels generated with float16 storage, whose tensors need no float16 in the language.
 */
export function emulateTensorCores(code: string, invocations: number): string {
  // The kernels' names of workgroup memory; the stages of a persistent kernel share it.
  const [, tile = "tile"] = /subgroupMatrixLoad<[^(]*>\(&(\w+), /.exec(code) ?? [];
  const replaced = code
    .replace(/^(enable|diagnostic).*;$/gm, "")
    .replaceAll("vec4<f16>", "vec4<f32>")
    .replace(/fn pack_vec8(\w*)\([\s\S]*?\n\}/g, packVec8)
    .replaceAll(`(&${tile}, `, "(&tile, ")
    .replace(/subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>\(&tile, /g, "load_left_fragment(")
    .replace(/subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>\(&tile, /g, "load_right_fragment(")
    .replace(/subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>\(&tile, /g, "load_right_columns(")
    .replace(/subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>\(&tile, /g, "load_result(")
    .replace(/subgroupMatrixStore<row_major>\(&tile, /g, "store_result(")
    .replaceAll("subgroupMatrixMultiplyAccumulate(", "multiply_accumulate(")
    .replaceAll("subgroup_matrix_result<f32, 16, 16>", "array<f32, 8>")
    .replaceAll("subgroupShuffleXor(", "shuffle_xor(")
    .replaceAll("subgroupShuffle(", "shuffle(")
    .replace(/(local_index: u32,\n\) \{)/, "$1\n  own_index = local_index;");
  const [left] = /\b(subgroup\w*|f16)\b[(<]/.exec(replaced) ?? [];
  if (left !== undefined) throw new Error(`the kernel has ${left}, which is not emulated`);
  const own = fragments.replaceAll("tile[", `${tile}[`);
  const helpers = `var<workgroup> exchanged: array<f32, ${invocations}>;\n${own}`;
  return replaced.replace("@compute", `${helpers}\n@compute`);
}

const packVec8 = `fn pack_vec8$1(first: vec4<f32>, second: vec4<f32>) -> vec4<u32> {
  return vec4<u32>(pack2x16float(first.xy), pack2x16float(first.zw), pack2x16float(second.xy), pack2x16float(second.zw));
}`;

const fragments = `
var<private> own_index: u32;
fn half_at(line: u32, index: u32) -> f32 {
  return unpack2x16float(tile[line + index / 8u][index % 8u / 2u])[index % 2u];
}
fn own_row() -> u32 { return own_index % 32u / 2u; }
fn own_column() -> u32 { return own_index % 2u * 8u; }
fn load_left_fragment(place: u32, stride: u32) -> array<f32, 16> {
  var row: array<f32, 16>;
  for (var k = 0u; k < 16u; k++) { row[k] = half_at(place + own_row() * stride, k); }
  return row;
}
fn load_right_fragment(place: u32, stride: u32) -> array<f32, 128> {
  var columns: array<f32, 128>;
  for (var k = 0u; k < 16u; k++) {
    for (var column = 0u; column < 8u; column++) {
      columns[k * 8u + column] = half_at(place + k * stride, own_column() + column);
    }
  }
  return columns;
}
fn load_right_columns(place: u32, stride: u32) -> array<f32, 128> {
  var columns: array<f32, 128>;
  for (var k = 0u; k < 16u; k++) {
    for (var column = 0u; column < 8u; column++) {
      columns[k * 8u + column] = half_at(place + (own_column() + column) * stride, k);
    }
  }
  return columns;
}
fn load_result(place: u32, stride: u32) -> array<f32, 8> {
  var result: array<f32, 8>;
  for (var column = 0u; column < 8u; column++) {
    let at = own_column() + column;
    result[column] = bitcast<f32>(tile[place + own_row() * stride + at / 4u][at % 4u]);
  }
  return result;
}
fn store_result(place: u32, result: array<f32, 8>, stride: u32) {
  let at = place + own_row() * stride + own_column() / 4u;
  tile[at] = bitcast<vec4<u32>>(vec4<f32>(result[0], result[1], result[2], result[3]));
  tile[at + 1u] = bitcast<vec4<u32>>(vec4<f32>(result[4], result[5], result[6], result[7]));
}
fn multiply_accumulate(left: array<f32, 16>, right: array<f32, 128>, sum: array<f32, 8>) -> array<f32, 8> {
  var result: array<f32, 8>;
  for (var column = 0u; column < 8u; column++) {
    var total = sum[column];
    for (var k = 0u; k < 16u; k++) { total += left[k] * right[k * 8u + column]; }
    result[column] = total;
  }
  return result;
}
fn shuffle(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  exchanged[own_index] = value;
  workgroupBarrier();
  return exchanged[own_index / 32u * 32u + lane];
}
fn shuffle_xor(value: f32, distance: u32) -> f32 {
  return shuffle(value, (own_index % 32u) ^ distance);
}`;
