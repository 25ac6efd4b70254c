enable f16;
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
@group(0) @binding(4) var<storage, read_write> in0: array<vec4<f16>>;
@group(0) @binding(5) var<storage, read> in1: array<vec4<f16>>;
@group(0) @binding(6) var<storage, read_write> in2: array<vec4<f16>>;
@group(0) @binding(7) var<storage, read> vectors: array<vec4<f32>>;
// Both operands' tiles.
var<workgroup> tiles: array<vec4<f32>, 320>;
// Rows of the result.
var<workgroup> staged: array<f32, 256>;
var<workgroup> shared_values: array<f32, 64>;
fn load_left(batch: u32, row: u32, tile_row: u32, k: u32) -> vec4<f16> {
  return in0[((k / 32u) * extents.tokens + row) * 8u + (k % 32u) / 4u];
}
fn load_right(batch: u32, column: u32, k: u32) -> vec4<f16> {
  return in1[min(column, 64u - 1u) * 16u + k / 4u];
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
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) local_index: u32,
) {
  let first_row = group.y * 32u;
  let first_column = group.x * 32u;
  let batch = group.z;
  let part = local_index / 64u;
  let lane = local_index % 32u;
  let block = (local_index % 64u) / 32u;
  let y = block / 1u * 4u + lane / 2u % 2u + lane / 16u * 2u;
  let x = block % 1u * 8u + lane % 2u + lane / 4u % 4u * 2u;
  var sum0_0 = 0.0f;
  var sum0_1 = 0.0f;
  var sum0_2 = 0.0f;
  var sum0_3 = 0.0f;
  var sum1_0 = 0.0f;
  var sum1_1 = 0.0f;
  var sum1_2 = 0.0f;
  var sum1_3 = 0.0f;
  var sum2_0 = 0.0f;
  var sum2_1 = 0.0f;
  var sum2_2 = 0.0f;
  var sum2_3 = 0.0f;
  var sum3_0 = 0.0f;
  var sum3_1 = 0.0f;
  var sum3_2 = 0.0f;
  var sum3_3 = 0.0f;
  let left0_row = min(first_row + local_index / 4u, extents.tokens - 1u);
  let left0_k = local_index % 4u * 4u;
  let left1_row = min(first_row + (local_index + 64u) / 4u, extents.tokens - 1u);
  let left1_k = (local_index + 64u) % 4u * 4u;
  let right0_column = first_column + local_index / 4u;
  let right0_k = local_index % 4u * 4u;
  let right1_column = first_column + (local_index + 64u) / 4u;
  let right1_k = (local_index + 64u) % 4u * 4u;
  var left0: vec4<f16>;
  var left1: vec4<f16>;
  var right0: vec4<f16>;
  var right1: vec4<f16>;
  var k0 = 0u;
  left0 = load_left(batch, left0_row, local_index / 4u, k0 + left0_k);
  left1 = load_left(batch, left1_row, (local_index + 64u) / 4u, k0 + left1_k);
  right0 = load_right(batch, right0_column, k0 + right0_k);
  right1 = load_right(batch, right1_column, k0 + right1_k);
  for (var step = 0u; step < 4u; step++) {
    workgroupBarrier();
    tiles[local_index / 4u * 5u + local_index % 4u] = vec4<f32>(left0);
    tiles[(local_index + 64u) / 4u * 5u + (local_index + 64u) % 4u] = vec4<f32>(left1);
    tiles[160u + local_index / 4u * 5u + local_index % 4u] = vec4<f32>(right0);
    tiles[160u + (local_index + 64u) / 4u * 5u + (local_index + 64u) % 4u] = vec4<f32>(right1);
    workgroupBarrier();
    // The next step's loads are in flight while this one is multiplied.
    k0 = min(step + 1u, 4u - 1u) * 16u;
    left0 = load_left(batch, left0_row, local_index / 4u, k0 + left0_k);
    left1 = load_left(batch, left1_row, (local_index + 64u) / 4u, k0 + left1_k);
    right0 = load_right(batch, right0_column, k0 + right0_k);
    right1 = load_right(batch, right1_column, k0 + right1_k);
    for (var v = 0u; v < 4u; v++) {
      let left = y * 5u + part * 4u + v;
      let right = 160u + x * 5u + part * 4u + v;
      let b0 = tiles[right + 0u];
      let b1 = tiles[right + 40u];
      let b2 = tiles[right + 80u];
      let b3 = tiles[right + 120u];
      let a0 = tiles[left + 0u];
      sum0_0 = fma(a0.x, b0.x, sum0_0);
      sum0_1 = fma(a0.x, b1.x, sum0_1);
      sum0_2 = fma(a0.x, b2.x, sum0_2);
      sum0_3 = fma(a0.x, b3.x, sum0_3);
      sum0_0 = fma(a0.y, b0.y, sum0_0);
      sum0_1 = fma(a0.y, b1.y, sum0_1);
      sum0_2 = fma(a0.y, b2.y, sum0_2);
      sum0_3 = fma(a0.y, b3.y, sum0_3);
      sum0_0 = fma(a0.z, b0.z, sum0_0);
      sum0_1 = fma(a0.z, b1.z, sum0_1);
      sum0_2 = fma(a0.z, b2.z, sum0_2);
      sum0_3 = fma(a0.z, b3.z, sum0_3);
      sum0_0 = fma(a0.w, b0.w, sum0_0);
      sum0_1 = fma(a0.w, b1.w, sum0_1);
      sum0_2 = fma(a0.w, b2.w, sum0_2);
      sum0_3 = fma(a0.w, b3.w, sum0_3);
      let a1 = tiles[left + 40u];
      sum1_0 = fma(a1.x, b0.x, sum1_0);
      sum1_1 = fma(a1.x, b1.x, sum1_1);
      sum1_2 = fma(a1.x, b2.x, sum1_2);
      sum1_3 = fma(a1.x, b3.x, sum1_3);
      sum1_0 = fma(a1.y, b0.y, sum1_0);
      sum1_1 = fma(a1.y, b1.y, sum1_1);
      sum1_2 = fma(a1.y, b2.y, sum1_2);
      sum1_3 = fma(a1.y, b3.y, sum1_3);
      sum1_0 = fma(a1.z, b0.z, sum1_0);
      sum1_1 = fma(a1.z, b1.z, sum1_1);
      sum1_2 = fma(a1.z, b2.z, sum1_2);
      sum1_3 = fma(a1.z, b3.z, sum1_3);
      sum1_0 = fma(a1.w, b0.w, sum1_0);
      sum1_1 = fma(a1.w, b1.w, sum1_1);
      sum1_2 = fma(a1.w, b2.w, sum1_2);
      sum1_3 = fma(a1.w, b3.w, sum1_3);
      let a2 = tiles[left + 80u];
      sum2_0 = fma(a2.x, b0.x, sum2_0);
      sum2_1 = fma(a2.x, b1.x, sum2_1);
      sum2_2 = fma(a2.x, b2.x, sum2_2);
      sum2_3 = fma(a2.x, b3.x, sum2_3);
      sum2_0 = fma(a2.y, b0.y, sum2_0);
      sum2_1 = fma(a2.y, b1.y, sum2_1);
      sum2_2 = fma(a2.y, b2.y, sum2_2);
      sum2_3 = fma(a2.y, b3.y, sum2_3);
      sum2_0 = fma(a2.z, b0.z, sum2_0);
      sum2_1 = fma(a2.z, b1.z, sum2_1);
      sum2_2 = fma(a2.z, b2.z, sum2_2);
      sum2_3 = fma(a2.z, b3.z, sum2_3);
      sum2_0 = fma(a2.w, b0.w, sum2_0);
      sum2_1 = fma(a2.w, b1.w, sum2_1);
      sum2_2 = fma(a2.w, b2.w, sum2_2);
      sum2_3 = fma(a2.w, b3.w, sum2_3);
      let a3 = tiles[left + 120u];
      sum3_0 = fma(a3.x, b0.x, sum3_0);
      sum3_1 = fma(a3.x, b1.x, sum3_1);
      sum3_2 = fma(a3.x, b2.x, sum3_2);
      sum3_3 = fma(a3.x, b3.x, sum3_3);
      sum3_0 = fma(a3.y, b0.y, sum3_0);
      sum3_1 = fma(a3.y, b1.y, sum3_1);
      sum3_2 = fma(a3.y, b2.y, sum3_2);
      sum3_3 = fma(a3.y, b3.y, sum3_3);
      sum3_0 = fma(a3.z, b0.z, sum3_0);
      sum3_1 = fma(a3.z, b1.z, sum3_1);
      sum3_2 = fma(a3.z, b2.z, sum3_2);
      sum3_3 = fma(a3.z, b3.z, sum3_3);
      sum3_0 = fma(a3.w, b0.w, sum3_0);
      sum3_1 = fma(a3.w, b1.w, sum3_1);
      sum3_2 = fma(a3.w, b2.w, sum3_2);
      sum3_3 = fma(a3.w, b3.w, sum3_3);
    }
  }
  let residual0_0_0 = read_residual0(batch, min(first_row + (local_index + 0u) / 8u + 0u, extents.tokens - 1u), first_column + (local_index + 0u) % 8u * 4u);
  let residual0_1_0 = read_residual0(batch, min(first_row + (local_index + 0u) / 8u + 8u, extents.tokens - 1u), first_column + (local_index + 0u) % 8u * 4u);
  let residual0_2_0 = read_residual0(batch, min(first_row + (local_index + 0u) / 8u + 16u, extents.tokens - 1u), first_column + (local_index + 0u) % 8u * 4u);
  let residual0_3_0 = read_residual0(batch, min(first_row + (local_index + 0u) / 8u + 24u, extents.tokens - 1u), first_column + (local_index + 0u) % 8u * 4u);
  workgroupBarrier();
  staged[(part * 8u + y) * 32u + x + 0u] = sum0_0;
  staged[(part * 8u + y) * 32u + x + 8u] = sum0_1;
  staged[(part * 8u + y) * 32u + x + 16u] = sum0_2;
  staged[(part * 8u + y) * 32u + x + 24u] = sum0_3;
  workgroupBarrier();
  {
    let step = 0u;
    let element = local_index + step * 64u;
    let tile_row = element / 8u + 0u;
    let row = first_row + tile_row;
    let column = first_column + element % 8u * 4u;
    let is_inside = row < extents.tokens && column < 64u;
    var result = vec4<f32>();
    if (is_inside) {
      let product = vec4<f32>(staged[element * 4u + 0u], staged[element * 4u + 1u], staged[element * 4u + 2u], staged[element * 4u + 3u]);
      result = epilogue(batch, row, tile_row, column, product, residual0_0_0);
    }
    let first_lane = local_index / 8u * 8u;
    workgroupBarrier();
    shared_values[local_index] = result.x;
    workgroupBarrier();
    let origin = shared_values[first_lane];
    let shifted = result - vec4<f32>(origin);
    workgroupBarrier();
    shared_values[local_index] = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    workgroupBarrier();
    var total = 0.0f;
    for (var lane = 0u; lane < 8u; lane++) { total += shared_values[first_lane + lane]; }
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    workgroupBarrier();
    shared_values[local_index] = ((squared.x + squared.y) + (squared.z + squared.w));
    workgroupBarrier();
    var spread = 0.0f;
    for (var lane = 0u; lane < 8u; lane++) { spread += shared_values[first_lane + lane]; }
    if (local_index == first_lane && is_inside) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
  workgroupBarrier();
  staged[(part * 8u + y) * 32u + x + 0u] = sum1_0;
  staged[(part * 8u + y) * 32u + x + 8u] = sum1_1;
  staged[(part * 8u + y) * 32u + x + 16u] = sum1_2;
  staged[(part * 8u + y) * 32u + x + 24u] = sum1_3;
  workgroupBarrier();
  {
    let step = 0u;
    let element = local_index + step * 64u;
    let tile_row = element / 8u + 8u;
    let row = first_row + tile_row;
    let column = first_column + element % 8u * 4u;
    let is_inside = row < extents.tokens && column < 64u;
    var result = vec4<f32>();
    if (is_inside) {
      let product = vec4<f32>(staged[element * 4u + 0u], staged[element * 4u + 1u], staged[element * 4u + 2u], staged[element * 4u + 3u]);
      result = epilogue(batch, row, tile_row, column, product, residual0_1_0);
    }
    let first_lane = local_index / 8u * 8u;
    workgroupBarrier();
    shared_values[local_index] = result.x;
    workgroupBarrier();
    let origin = shared_values[first_lane];
    let shifted = result - vec4<f32>(origin);
    workgroupBarrier();
    shared_values[local_index] = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    workgroupBarrier();
    var total = 0.0f;
    for (var lane = 0u; lane < 8u; lane++) { total += shared_values[first_lane + lane]; }
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    workgroupBarrier();
    shared_values[local_index] = ((squared.x + squared.y) + (squared.z + squared.w));
    workgroupBarrier();
    var spread = 0.0f;
    for (var lane = 0u; lane < 8u; lane++) { spread += shared_values[first_lane + lane]; }
    if (local_index == first_lane && is_inside) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
  workgroupBarrier();
  staged[(part * 8u + y) * 32u + x + 0u] = sum2_0;
  staged[(part * 8u + y) * 32u + x + 8u] = sum2_1;
  staged[(part * 8u + y) * 32u + x + 16u] = sum2_2;
  staged[(part * 8u + y) * 32u + x + 24u] = sum2_3;
  workgroupBarrier();
  {
    let step = 0u;
    let element = local_index + step * 64u;
    let tile_row = element / 8u + 16u;
    let row = first_row + tile_row;
    let column = first_column + element % 8u * 4u;
    let is_inside = row < extents.tokens && column < 64u;
    var result = vec4<f32>();
    if (is_inside) {
      let product = vec4<f32>(staged[element * 4u + 0u], staged[element * 4u + 1u], staged[element * 4u + 2u], staged[element * 4u + 3u]);
      result = epilogue(batch, row, tile_row, column, product, residual0_2_0);
    }
    let first_lane = local_index / 8u * 8u;
    workgroupBarrier();
    shared_values[local_index] = result.x;
    workgroupBarrier();
    let origin = shared_values[first_lane];
    let shifted = result - vec4<f32>(origin);
    workgroupBarrier();
    shared_values[local_index] = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    workgroupBarrier();
    var total = 0.0f;
    for (var lane = 0u; lane < 8u; lane++) { total += shared_values[first_lane + lane]; }
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    workgroupBarrier();
    shared_values[local_index] = ((squared.x + squared.y) + (squared.z + squared.w));
    workgroupBarrier();
    var spread = 0.0f;
    for (var lane = 0u; lane < 8u; lane++) { spread += shared_values[first_lane + lane]; }
    if (local_index == first_lane && is_inside) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
  workgroupBarrier();
  staged[(part * 8u + y) * 32u + x + 0u] = sum3_0;
  staged[(part * 8u + y) * 32u + x + 8u] = sum3_1;
  staged[(part * 8u + y) * 32u + x + 16u] = sum3_2;
  staged[(part * 8u + y) * 32u + x + 24u] = sum3_3;
  workgroupBarrier();
  {
    let step = 0u;
    let element = local_index + step * 64u;
    let tile_row = element / 8u + 24u;
    let row = first_row + tile_row;
    let column = first_column + element % 8u * 4u;
    let is_inside = row < extents.tokens && column < 64u;
    var result = vec4<f32>();
    if (is_inside) {
      let product = vec4<f32>(staged[element * 4u + 0u], staged[element * 4u + 1u], staged[element * 4u + 2u], staged[element * 4u + 3u]);
      result = epilogue(batch, row, tile_row, column, product, residual0_3_0);
    }
    let first_lane = local_index / 8u * 8u;
    workgroupBarrier();
    shared_values[local_index] = result.x;
    workgroupBarrier();
    let origin = shared_values[first_lane];
    let shifted = result - vec4<f32>(origin);
    workgroupBarrier();
    shared_values[local_index] = ((shifted.x + shifted.y) + (shifted.z + shifted.w));
    workgroupBarrier();
    var total = 0.0f;
    for (var lane = 0u; lane < 8u; lane++) { total += shared_values[first_lane + lane]; }
    let shift = total / 32.0f;
    let deviation = shifted - vec4<f32>(shift);
    let squared = deviation * deviation;
    workgroupBarrier();
    shared_values[local_index] = ((squared.x + squared.y) + (squared.z + squared.w));
    workgroupBarrier();
    var spread = 0.0f;
    for (var lane = 0u; lane < 8u; lane++) { spread += shared_values[first_lane + lane]; }
    if (local_index == first_lane && is_inside) {
      out1[row * 2u + column / 32u] = origin + shift;
      out2[row * 2u + column / 32u] = spread;
    }
  }
}
