enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
// A subgroup's number comes of its invocations' indexes, which the compiler does not follow.
diagnostic(off, chromium.subgroup_matrix_uniformity);
struct Extents {
  batch: u32,
  sequence: u32,
  keys: u32,
  tokens: u32,
}
@group(0) @binding(0) var<uniform> extents: Extents;
@group(0) @binding(1) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out1: array<f32>;
@group(0) @binding(3) var<storage, read_write> out2: array<f32>;
@group(0) @binding(4) var<storage, read> in0: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> in1: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> in2: array<vec4<f16>>;
@group(0) @binding(7) var<storage, read> vectors: array<vec4<f32>>;
// Both operands' tiles, then the result.
var<workgroup> tile: array<vec4<u32>, 1152>;
fn load_right_vec8(batch: u32, column: u32, k: u32) -> vec4<u32> {
  return in0[min(column, 64u - 1u) * 8u + k / 8u];
}
fn load_left_vec8(batch: u32, row: u32, tile_row: u32, k: u32) -> vec4<u32> {
  return in1[((k / 32u) * extents.tokens + row) * 4u + (k % 32u) / 8u];
}
fn read_residual0(batch: u32, row: u32, column: u32) -> vec4<f16> {
  return in2[row * 16u + column / 4u];
}
fn epilogue(batch: u32, row: u32, tile_row: u32, column: u32, product: vec4<f32>, residual0: vec4<f16>) -> vec4<f32> {
  let v0 = vectors[column / 4u];
  let v1 = (product + v0);
  let v2 = vec4<f32>(residual0);
  let v3 = (v1 + v2);
  out0[row * 16u + column / 4u] = v3;
  return v3;
}
@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) local_index: u32,
) {
  let first_row = group.y * 64u;
  let first_column = group.x * 64u;
  let batch = 0u;
  let subgroup = local_index / 32u;
  let row_part = subgroup / 2u * 32u;
  let column_part = subgroup % 2u * 32u;
  var sum0_0 = subgroup_matrix_result<f32, 16, 16>();
  var sum0_1 = subgroup_matrix_result<f32, 16, 16>();
  var sum1_0 = subgroup_matrix_result<f32, 16, 16>();
  var sum1_1 = subgroup_matrix_result<f32, 16, 16>();
  var left0: vec4<u32>;
  var left1: vec4<u32>;
  var left2: vec4<u32>;
  var left3: vec4<u32>;
  var right0: vec4<u32>;
  var right1: vec4<u32>;
  var right2: vec4<u32>;
  var right3: vec4<u32>;
  var k0 = 0u;
  right0 = load_right_vec8(batch, first_column + local_index / 8u, k0 + local_index % 8u * 8u);
  right1 = load_right_vec8(batch, first_column + (local_index + 128u) / 8u, k0 + (local_index + 128u) % 8u * 8u);
  right2 = load_right_vec8(batch, first_column + (local_index + 256u) / 8u, k0 + (local_index + 256u) % 8u * 8u);
  right3 = load_right_vec8(batch, first_column + (local_index + 384u) / 8u, k0 + (local_index + 384u) % 8u * 8u);
  left0 = load_left_vec8(batch, min(first_row + local_index / 8u, extents.tokens - 1u), local_index / 8u, k0 + local_index % 8u * 8u);
  left1 = load_left_vec8(batch, min(first_row + (local_index + 128u) / 8u, extents.tokens - 1u), (local_index + 128u) / 8u, k0 + (local_index + 128u) % 8u * 8u);
  left2 = load_left_vec8(batch, min(first_row + (local_index + 256u) / 8u, extents.tokens - 1u), (local_index + 256u) / 8u, k0 + (local_index + 256u) % 8u * 8u);
  left3 = load_left_vec8(batch, min(first_row + (local_index + 384u) / 8u, extents.tokens - 1u), (local_index + 384u) / 8u, k0 + (local_index + 384u) % 8u * 8u);
  for (var step = 0u; step < 1u; step++) {
    workgroupBarrier();
    tile[local_index / 8u * 9u + local_index % 8u] = left0;
    tile[(local_index + 128u) / 8u * 9u + (local_index + 128u) % 8u] = left1;
    tile[(local_index + 256u) / 8u * 9u + (local_index + 256u) % 8u] = left2;
    tile[(local_index + 384u) / 8u * 9u + (local_index + 384u) % 8u] = left3;
    tile[576u + local_index / 8u * 9u + local_index % 8u] = right0;
    tile[576u + (local_index + 128u) / 8u * 9u + (local_index + 128u) % 8u] = right1;
    tile[576u + (local_index + 256u) / 8u * 9u + (local_index + 256u) % 8u] = right2;
    tile[576u + (local_index + 384u) / 8u * 9u + (local_index + 384u) % 8u] = right3;
    workgroupBarrier();
    // The next step's loads are in flight while this one is multiplied.
    k0 = min(step + 1u, 1u - 1u) * 64u;
    left0 = load_left_vec8(batch, min(first_row + local_index / 8u, extents.tokens - 1u), local_index / 8u, k0 + local_index % 8u * 8u);
    left1 = load_left_vec8(batch, min(first_row + (local_index + 128u) / 8u, extents.tokens - 1u), (local_index + 128u) / 8u, k0 + (local_index + 128u) % 8u * 8u);
    left2 = load_left_vec8(batch, min(first_row + (local_index + 256u) / 8u, extents.tokens - 1u), (local_index + 256u) / 8u, k0 + (local_index + 256u) % 8u * 8u);
    left3 = load_left_vec8(batch, min(first_row + (local_index + 384u) / 8u, extents.tokens - 1u), (local_index + 384u) / 8u, k0 + (local_index + 384u) % 8u * 8u);
    right0 = load_right_vec8(batch, first_column + local_index / 8u, k0 + local_index % 8u * 8u);
    right1 = load_right_vec8(batch, first_column + (local_index + 128u) / 8u, k0 + (local_index + 128u) % 8u * 8u);
    right2 = load_right_vec8(batch, first_column + (local_index + 256u) / 8u, k0 + (local_index + 256u) % 8u * 8u);
    right3 = load_right_vec8(batch, first_column + (local_index + 384u) / 8u, k0 + (local_index + 384u) % 8u * 8u);
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, (row_part + 0u) * 9u + 0u, 9u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, (row_part + 16u) * 9u + 0u, 9u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 576u + (column_part + 0u) * 9u + 0u, 9u);
      sum0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, sum0_0);
      sum1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, sum1_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 576u + (column_part + 16u) * 9u + 0u, 9u);
      sum0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, sum0_1);
      sum1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, sum1_1);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, (row_part + 0u) * 9u + 2u, 9u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, (row_part + 16u) * 9u + 2u, 9u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 576u + (column_part + 0u) * 9u + 2u, 9u);
      sum0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, sum0_0);
      sum1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, sum1_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 576u + (column_part + 16u) * 9u + 2u, 9u);
      sum0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, sum0_1);
      sum1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, sum1_1);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, (row_part + 0u) * 9u + 4u, 9u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, (row_part + 16u) * 9u + 4u, 9u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 576u + (column_part + 0u) * 9u + 4u, 9u);
      sum0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, sum0_0);
      sum1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, sum1_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 576u + (column_part + 16u) * 9u + 4u, 9u);
      sum0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, sum0_1);
      sum1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, sum1_1);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, (row_part + 0u) * 9u + 6u, 9u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, (row_part + 16u) * 9u + 6u, 9u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 576u + (column_part + 0u) * 9u + 6u, 9u);
      sum0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, sum0_0);
      sum1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, sum1_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 576u + (column_part + 16u) * 9u + 6u, 9u);
      sum0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, sum0_1);
      sum1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, sum1_1);
    }
  }
  let residual0_0_0 = read_residual0(batch, min(first_row + (local_index + 0u) / 16u / 16u * 32u + 0u + (local_index + 0u) / 16u % 16u, extents.tokens - 1u), first_column + (local_index + 0u) % 16u * 4u);
  let residual0_0_1 = read_residual0(batch, min(first_row + (local_index + 128u) / 16u / 16u * 32u + 0u + (local_index + 128u) / 16u % 16u, extents.tokens - 1u), first_column + (local_index + 128u) % 16u * 4u);
  let residual0_0_2 = read_residual0(batch, min(first_row + (local_index + 256u) / 16u / 16u * 32u + 0u + (local_index + 256u) / 16u % 16u, extents.tokens - 1u), first_column + (local_index + 256u) % 16u * 4u);
  let residual0_0_3 = read_residual0(batch, min(first_row + (local_index + 384u) / 16u / 16u * 32u + 0u + (local_index + 384u) / 16u % 16u, extents.tokens - 1u), first_column + (local_index + 384u) % 16u * 4u);
  let residual0_1_0 = read_residual0(batch, min(first_row + (local_index + 0u) / 16u / 16u * 32u + 16u + (local_index + 0u) / 16u % 16u, extents.tokens - 1u), first_column + (local_index + 0u) % 16u * 4u);
  let residual0_1_1 = read_residual0(batch, min(first_row + (local_index + 128u) / 16u / 16u * 32u + 16u + (local_index + 128u) / 16u % 16u, extents.tokens - 1u), first_column + (local_index + 128u) % 16u * 4u);
  let residual0_1_2 = read_residual0(batch, min(first_row + (local_index + 256u) / 16u / 16u * 32u + 16u + (local_index + 256u) / 16u % 16u, extents.tokens - 1u), first_column + (local_index + 256u) % 16u * 4u);
  let residual0_1_3 = read_residual0(batch, min(first_row + (local_index + 384u) / 16u / 16u * 32u + 16u + (local_index + 384u) / 16u % 16u, extents.tokens - 1u), first_column + (local_index + 384u) % 16u * 4u);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&tile, subgroup * 144u + 0u, sum0_0, 9u);
  subgroupMatrixStore<row_major>(&tile, subgroup * 144u + 4u, sum0_1, 9u);
  workgroupBarrier();
  {
    let step = 0u;
    let element = local_index + step * 128u;
    let staged_row = element / 16u;
    let vector = element % 16u;
    let staged_subgroup = staged_row / 16u * 2u + vector / 8u;
    let staged_vector = staged_row % 16u * 9u + vector % 8u;
    let tile_row = element / 16u / 16u * 32u + 0u + element / 16u % 16u;
    let row = first_row + tile_row;
    let column = first_column + vector * 4u;
    let product = bitcast<vec4<f32>>(tile[(staged_subgroup + 0u) * 144u + staged_vector]);
    var result = vec4<f32>();
    if (row < extents.tokens && column < 64u) {
      result = epilogue(batch, row, tile_row, column, product, residual0_0_0);
    }
    let origin = subgroupShuffle(result.x, local_index % 32u / 8u * 8u);
    let shifted = result - vec4<f32>(origin);
    var total = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    var spread = ((squared.x + squared.y) + (squared.z + squared.w));
    spread += subgroupShuffleXor(spread, 1u);
    spread += subgroupShuffleXor(spread, 2u);
    spread += subgroupShuffleXor(spread, 4u);
    if (local_index % 8u == 0u && row < extents.tokens && column < 64u) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
  {
    let step = 1u;
    let element = local_index + step * 128u;
    let staged_row = element / 16u;
    let vector = element % 16u;
    let staged_subgroup = staged_row / 16u * 2u + vector / 8u;
    let staged_vector = staged_row % 16u * 9u + vector % 8u;
    let tile_row = element / 16u / 16u * 32u + 0u + element / 16u % 16u;
    let row = first_row + tile_row;
    let column = first_column + vector * 4u;
    let product = bitcast<vec4<f32>>(tile[(staged_subgroup + 0u) * 144u + staged_vector]);
    var result = vec4<f32>();
    if (row < extents.tokens && column < 64u) {
      result = epilogue(batch, row, tile_row, column, product, residual0_0_1);
    }
    let origin = subgroupShuffle(result.x, local_index % 32u / 8u * 8u);
    let shifted = result - vec4<f32>(origin);
    var total = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    var spread = ((squared.x + squared.y) + (squared.z + squared.w));
    spread += subgroupShuffleXor(spread, 1u);
    spread += subgroupShuffleXor(spread, 2u);
    spread += subgroupShuffleXor(spread, 4u);
    if (local_index % 8u == 0u && row < extents.tokens && column < 64u) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
  {
    let step = 2u;
    let element = local_index + step * 128u;
    let staged_row = element / 16u;
    let vector = element % 16u;
    let staged_subgroup = staged_row / 16u * 2u + vector / 8u;
    let staged_vector = staged_row % 16u * 9u + vector % 8u;
    let tile_row = element / 16u / 16u * 32u + 0u + element / 16u % 16u;
    let row = first_row + tile_row;
    let column = first_column + vector * 4u;
    let product = bitcast<vec4<f32>>(tile[(staged_subgroup + 0u) * 144u + staged_vector]);
    var result = vec4<f32>();
    if (row < extents.tokens && column < 64u) {
      result = epilogue(batch, row, tile_row, column, product, residual0_0_2);
    }
    let origin = subgroupShuffle(result.x, local_index % 32u / 8u * 8u);
    let shifted = result - vec4<f32>(origin);
    var total = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    var spread = ((squared.x + squared.y) + (squared.z + squared.w));
    spread += subgroupShuffleXor(spread, 1u);
    spread += subgroupShuffleXor(spread, 2u);
    spread += subgroupShuffleXor(spread, 4u);
    if (local_index % 8u == 0u && row < extents.tokens && column < 64u) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
  {
    let step = 3u;
    let element = local_index + step * 128u;
    let staged_row = element / 16u;
    let vector = element % 16u;
    let staged_subgroup = staged_row / 16u * 2u + vector / 8u;
    let staged_vector = staged_row % 16u * 9u + vector % 8u;
    let tile_row = element / 16u / 16u * 32u + 0u + element / 16u % 16u;
    let row = first_row + tile_row;
    let column = first_column + vector * 4u;
    let product = bitcast<vec4<f32>>(tile[(staged_subgroup + 0u) * 144u + staged_vector]);
    var result = vec4<f32>();
    if (row < extents.tokens && column < 64u) {
      result = epilogue(batch, row, tile_row, column, product, residual0_0_3);
    }
    let origin = subgroupShuffle(result.x, local_index % 32u / 8u * 8u);
    let shifted = result - vec4<f32>(origin);
    var total = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    var spread = ((squared.x + squared.y) + (squared.z + squared.w));
    spread += subgroupShuffleXor(spread, 1u);
    spread += subgroupShuffleXor(spread, 2u);
    spread += subgroupShuffleXor(spread, 4u);
    if (local_index % 8u == 0u && row < extents.tokens && column < 64u) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&tile, subgroup * 144u + 0u, sum1_0, 9u);
  subgroupMatrixStore<row_major>(&tile, subgroup * 144u + 4u, sum1_1, 9u);
  workgroupBarrier();
  {
    let step = 0u;
    let element = local_index + step * 128u;
    let staged_row = element / 16u;
    let vector = element % 16u;
    let staged_subgroup = staged_row / 16u * 2u + vector / 8u;
    let staged_vector = staged_row % 16u * 9u + vector % 8u;
    let tile_row = element / 16u / 16u * 32u + 16u + element / 16u % 16u;
    let row = first_row + tile_row;
    let column = first_column + vector * 4u;
    let product = bitcast<vec4<f32>>(tile[(staged_subgroup + 0u) * 144u + staged_vector]);
    var result = vec4<f32>();
    if (row < extents.tokens && column < 64u) {
      result = epilogue(batch, row, tile_row, column, product, residual0_1_0);
    }
    let origin = subgroupShuffle(result.x, local_index % 32u / 8u * 8u);
    let shifted = result - vec4<f32>(origin);
    var total = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    var spread = ((squared.x + squared.y) + (squared.z + squared.w));
    spread += subgroupShuffleXor(spread, 1u);
    spread += subgroupShuffleXor(spread, 2u);
    spread += subgroupShuffleXor(spread, 4u);
    if (local_index % 8u == 0u && row < extents.tokens && column < 64u) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
  {
    let step = 1u;
    let element = local_index + step * 128u;
    let staged_row = element / 16u;
    let vector = element % 16u;
    let staged_subgroup = staged_row / 16u * 2u + vector / 8u;
    let staged_vector = staged_row % 16u * 9u + vector % 8u;
    let tile_row = element / 16u / 16u * 32u + 16u + element / 16u % 16u;
    let row = first_row + tile_row;
    let column = first_column + vector * 4u;
    let product = bitcast<vec4<f32>>(tile[(staged_subgroup + 0u) * 144u + staged_vector]);
    var result = vec4<f32>();
    if (row < extents.tokens && column < 64u) {
      result = epilogue(batch, row, tile_row, column, product, residual0_1_1);
    }
    let origin = subgroupShuffle(result.x, local_index % 32u / 8u * 8u);
    let shifted = result - vec4<f32>(origin);
    var total = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    var spread = ((squared.x + squared.y) + (squared.z + squared.w));
    spread += subgroupShuffleXor(spread, 1u);
    spread += subgroupShuffleXor(spread, 2u);
    spread += subgroupShuffleXor(spread, 4u);
    if (local_index % 8u == 0u && row < extents.tokens && column < 64u) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
  {
    let step = 2u;
    let element = local_index + step * 128u;
    let staged_row = element / 16u;
    let vector = element % 16u;
    let staged_subgroup = staged_row / 16u * 2u + vector / 8u;
    let staged_vector = staged_row % 16u * 9u + vector % 8u;
    let tile_row = element / 16u / 16u * 32u + 16u + element / 16u % 16u;
    let row = first_row + tile_row;
    let column = first_column + vector * 4u;
    let product = bitcast<vec4<f32>>(tile[(staged_subgroup + 0u) * 144u + staged_vector]);
    var result = vec4<f32>();
    if (row < extents.tokens && column < 64u) {
      result = epilogue(batch, row, tile_row, column, product, residual0_1_2);
    }
    let origin = subgroupShuffle(result.x, local_index % 32u / 8u * 8u);
    let shifted = result - vec4<f32>(origin);
    var total = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    var spread = ((squared.x + squared.y) + (squared.z + squared.w));
    spread += subgroupShuffleXor(spread, 1u);
    spread += subgroupShuffleXor(spread, 2u);
    spread += subgroupShuffleXor(spread, 4u);
    if (local_index % 8u == 0u && row < extents.tokens && column < 64u) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
  {
    let step = 3u;
    let element = local_index + step * 128u;
    let staged_row = element / 16u;
    let vector = element % 16u;
    let staged_subgroup = staged_row / 16u * 2u + vector / 8u;
    let staged_vector = staged_row % 16u * 9u + vector % 8u;
    let tile_row = element / 16u / 16u * 32u + 16u + element / 16u % 16u;
    let row = first_row + tile_row;
    let column = first_column + vector * 4u;
    let product = bitcast<vec4<f32>>(tile[(staged_subgroup + 0u) * 144u + staged_vector]);
    var result = vec4<f32>();
    if (row < extents.tokens && column < 64u) {
      result = epilogue(batch, row, tile_row, column, product, residual0_1_3);
    }
    let origin = subgroupShuffle(result.x, local_index % 32u / 8u * 8u);
    let shifted = result - vec4<f32>(origin);
    var total = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    var spread = ((squared.x + squared.y) + (squared.z + squared.w));
    spread += subgroupShuffleXor(spread, 1u);
    spread += subgroupShuffleXor(spread, 2u);
    spread += subgroupShuffleXor(spread, 4u);
    if (local_index % 8u == 0u && row < extents.tokens && column < 64u) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
}
