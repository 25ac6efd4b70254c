struct Extents {
  batch: u32,
  sequence: u32,
  keys: u32,
  tokens: u32,
}
@group(0) @binding(0) var<uniform> extents: Extents;
@group(0) @binding(1) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> in0: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> in1: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> in2: array<f32>;
@group(0) @binding(5) var<storage, read_write> in3: array<f32>;
@group(0) @binding(6) var<storage, read> vectors: array<vec4<f32>>;
fn gelu4(x: vec4<f32>) -> vec4<f32> {
  let t = min(abs(x), vec4<f32>(13.25f));
  let tail = t * exp2(t * (((((((((-1.8628928e-8f * t + 5.9604457e-7f) * t + -0.0000081423705f) * t + 0.000060012255f) * t + -0.00022339844f) * t + -0.00011498709f) * t + 0.007083496f) * t + -0.05252894f) * t + -0.4591947f) * t + -1.1511067f) - 1f);
  return select(x, vec4<f32>(0f), x < vec4<f32>(0f)) - tail;
}
// Both operands' tiles.
var<workgroup> tiles: array<vec4<f32>, 320>;
// Rows of the result.
var<workgroup> staged: array<f32, 256>;
var<workgroup> row_statistic0: array<f32, 32>;
var<workgroup> row_statistic1: array<f32, 32>;
fn load_left(batch: u32, row: u32, tile_row: u32, k: u32) -> vec4<f32> {
  let v0 = in0[row * 16u + k / 4u];
  let v1 = vec4<f32>(row_statistic0[tile_row]);
  let v2 = (v0 - v1);
  let v3 = vec4<f32>(row_statistic1[tile_row]);
  let v4 = (v2 * v3);
  let v5 = vectors[k / 4u];
  let v6 = (v4 * v5);
  let v7 = vectors[16u + k / 4u];
  let v8 = (v6 + v7);
  return v8;
}
fn load_right(batch: u32, column: u32, k: u32) -> vec4<f32> {
  let v9 = in1[min(column, 128u - 1u) * 16u + k / 4u];
  return v9;
}
fn epilogue(batch: u32, row: u32, tile_row: u32, column: u32, product: vec4<f32>) {
  let v10 = vectors[32u + column / 4u];
  let v11 = (product + v10);
  let v12 = gelu4(v11);
  out0[row * 32u + column / 4u] = v12;
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
  for (var tile_row = local_index; tile_row < 32u; tile_row += 64u) {
    let row = min(first_row + tile_row, extents.tokens - 1u);
    let s13 = in2[(row * 2u)];
    var total14 = vec4<f32>(0.0f);
    for (var column15 = 0u; column15 < 2u; column15 += 4u) {
      let s16 = in2[(row * 2u + column15)];
      let s17 = in2[(row * 2u + min((column15 + 1u), 2u - 1u))];
      let s18 = in2[(row * 2u + min((column15 + 2u), 2u - 1u))];
      let s19 = in2[(row * 2u + min((column15 + 3u), 2u - 1u))];
      let v20 = vec4<f32>(s16, s17, s18, s19);
      let v21 = vec4<f32>(s13);
      let v22 = (v20 - v21);
      total14 += select(vec4<f32>(0.0f), v22, vec4<u32>(column15) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(2u));
    }
    let s23 = ((total14.x + total14.y) + (total14.z + total14.w));
    let s24 = (s23 / 2.0f);
    let s25 = (s13 + s24);
    var total26 = vec4<f32>(0.0f);
    for (var column27 = 0u; column27 < 2u; column27 += 4u) {
      let s28 = in3[(row * 2u + column27)];
      let s29 = in3[(row * 2u + min((column27 + 1u), 2u - 1u))];
      let s30 = in3[(row * 2u + min((column27 + 2u), 2u - 1u))];
      let s31 = in3[(row * 2u + min((column27 + 3u), 2u - 1u))];
      let v32 = vec4<f32>(s28, s29, s30, s31);
      let s33 = in2[(row * 2u + column27)];
      let s34 = in2[(row * 2u + min((column27 + 1u), 2u - 1u))];
      let s35 = in2[(row * 2u + min((column27 + 2u), 2u - 1u))];
      let s36 = in2[(row * 2u + min((column27 + 3u), 2u - 1u))];
      let v37 = vec4<f32>(s33, s34, s35, s36);
      let v38 = vec4<f32>(s25);
      let v39 = (v37 - v38);
      let v40 = (v39 * v39);
      let v41 = (vec4<f32>(32.0f) * v40);
      let v42 = (v32 + v41);
      total26 += select(vec4<f32>(0.0f), v42, vec4<u32>(column27) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(2u));
    }
    let s43 = ((total26.x + total26.y) + (total26.z + total26.w));
    let s44 = (s43 / 64.0f);
    let s45 = (s44 + 9.999999960041972e-13f);
    let s46 = sqrt(s45);
    let s47 = (1.0f / s46);
    row_statistic0[tile_row] = s25;
    row_statistic1[tile_row] = s47;
  }
  workgroupBarrier();
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
  var left0: vec4<f32>;
  var left1: vec4<f32>;
  var right0: vec4<f32>;
  var right1: vec4<f32>;
  var k0 = 0u;
  left0 = load_left(batch, left0_row, local_index / 4u, k0 + left0_k);
  left1 = load_left(batch, left1_row, (local_index + 64u) / 4u, k0 + left1_k);
  right0 = load_right(batch, right0_column, k0 + right0_k);
  right1 = load_right(batch, right1_column, k0 + right1_k);
  for (var step = 0u; step < 4u; step++) {
    workgroupBarrier();
    tiles[local_index / 4u * 5u + local_index % 4u] = left0;
    tiles[(local_index + 64u) / 4u * 5u + (local_index + 64u) % 4u] = left1;
    tiles[160u + local_index / 4u * 5u + local_index % 4u] = right0;
    tiles[160u + (local_index + 64u) / 4u * 5u + (local_index + 64u) % 4u] = right1;
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
  workgroupBarrier();
  staged[(part * 8u + y) * 32u + x + 0u] = sum0_0;
  staged[(part * 8u + y) * 32u + x + 8u] = sum0_1;
  staged[(part * 8u + y) * 32u + x + 16u] = sum0_2;
  staged[(part * 8u + y) * 32u + x + 24u] = sum0_3;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 64u;
    let tile_row = element / 8u + 0u;
    let row = first_row + tile_row;
    let column = first_column + element % 8u * 4u;
    let is_inside = row < extents.tokens && column < 128u;
    if (is_inside) {
      let product = vec4<f32>(staged[element * 4u + 0u], staged[element * 4u + 1u], staged[element * 4u + 2u], staged[element * 4u + 3u]);
      epilogue(batch, row, tile_row, column, product);
    }
  }
  workgroupBarrier();
  staged[(part * 8u + y) * 32u + x + 0u] = sum1_0;
  staged[(part * 8u + y) * 32u + x + 8u] = sum1_1;
  staged[(part * 8u + y) * 32u + x + 16u] = sum1_2;
  staged[(part * 8u + y) * 32u + x + 24u] = sum1_3;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 64u;
    let tile_row = element / 8u + 8u;
    let row = first_row + tile_row;
    let column = first_column + element % 8u * 4u;
    let is_inside = row < extents.tokens && column < 128u;
    if (is_inside) {
      let product = vec4<f32>(staged[element * 4u + 0u], staged[element * 4u + 1u], staged[element * 4u + 2u], staged[element * 4u + 3u]);
      epilogue(batch, row, tile_row, column, product);
    }
  }
  workgroupBarrier();
  staged[(part * 8u + y) * 32u + x + 0u] = sum2_0;
  staged[(part * 8u + y) * 32u + x + 8u] = sum2_1;
  staged[(part * 8u + y) * 32u + x + 16u] = sum2_2;
  staged[(part * 8u + y) * 32u + x + 24u] = sum2_3;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 64u;
    let tile_row = element / 8u + 16u;
    let row = first_row + tile_row;
    let column = first_column + element % 8u * 4u;
    let is_inside = row < extents.tokens && column < 128u;
    if (is_inside) {
      let product = vec4<f32>(staged[element * 4u + 0u], staged[element * 4u + 1u], staged[element * 4u + 2u], staged[element * 4u + 3u]);
      epilogue(batch, row, tile_row, column, product);
    }
  }
  workgroupBarrier();
  staged[(part * 8u + y) * 32u + x + 0u] = sum3_0;
  staged[(part * 8u + y) * 32u + x + 8u] = sum3_1;
  staged[(part * 8u + y) * 32u + x + 16u] = sum3_2;
  staged[(part * 8u + y) * 32u + x + 24u] = sum3_3;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 64u;
    let tile_row = element / 8u + 24u;
    let row = first_row + tile_row;
    let column = first_column + element % 8u * 4u;
    let is_inside = row < extents.tokens && column < 128u;
    if (is_inside) {
      let product = vec4<f32>(staged[element * 4u + 0u], staged[element * 4u + 1u], staged[element * 4u + 2u], staged[element * 4u + 3u]);
      epilogue(batch, row, tile_row, column, product);
    }
  }
}
