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
@group(0) @binding(4) var<storage, read> vectors: array<vec4<f32>>;
fn gelu4(x: vec4<f32>) -> vec4<f32> {
  let t = min(abs(x), vec4<f32>(13.25f));
  let tail = t * exp2(t * (((((((((-1.8628928e-8f * t + 5.9604457e-7f) * t + -0.0000081423705f) * t + 0.000060012255f) * t + -0.00022339844f) * t + -0.00011498709f) * t + 0.007083496f) * t + -0.05252894f) * t + -0.4591947f) * t + -1.1511067f) - 1f);
  return select(x, vec4<f32>(0f), x < vec4<f32>(0f)) - tail;
}
// Both operands' tiles, then the partial sums.
var<workgroup> tiles: array<vec4<f32>, 1040>;
fn load_left(batch: u32, row: u32, tile_row: u32, k: u32) -> vec4<f32> {
  let v0 = in0[row * 16u + k / 4u];
  return v0;
}
fn load_right(batch: u32, column: u32, k: u32) -> vec4<f32> {
  let v1 = in1[min(column, 1152u - 1u) * 16u + k / 4u];
  return v1;
}
fn epilogue(batch: u32, row: u32, tile_row: u32, column: u32, product: vec4<f32>) {
  let v2 = vectors[column / 4u];
  let v3 = (product + v2);
  let v4 = gelu4(v3);
  out0[row * 288u + column / 4u] = v4;
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
  let batch = group.z;
  let part = local_index / 64u;
  let lane = local_index % 32u;
  let block = (local_index % 64u) / 32u;
  let y = block / 1u * 4u + lane / 2u % 2u + lane / 16u * 2u;
  let x = block % 1u * 8u + lane % 2u + lane / 4u % 4u * 2u;
  var sum0_0 = vec4<f32>();
  var sum0_1 = vec4<f32>();
  var sum1_0 = vec4<f32>();
  var sum1_1 = vec4<f32>();
  var sum2_0 = vec4<f32>();
  var sum2_1 = vec4<f32>();
  var sum3_0 = vec4<f32>();
  var sum3_1 = vec4<f32>();
  var sum4_0 = vec4<f32>();
  var sum4_1 = vec4<f32>();
  var sum5_0 = vec4<f32>();
  var sum5_1 = vec4<f32>();
  var sum6_0 = vec4<f32>();
  var sum6_1 = vec4<f32>();
  var sum7_0 = vec4<f32>();
  var sum7_1 = vec4<f32>();
  let left0_k = local_index % 8u * 4u;
  let left0_tile_row = local_index / 8u * 4u;
  let left0_place = local_index % 8u * 65u + local_index / 8u;
  let left0_row0 = min(first_row + left0_tile_row + 0u, extents.tokens - 1u);
  let left0_row1 = min(first_row + left0_tile_row + 1u, extents.tokens - 1u);
  let left0_row2 = min(first_row + left0_tile_row + 2u, extents.tokens - 1u);
  let left0_row3 = min(first_row + left0_tile_row + 3u, extents.tokens - 1u);
  let right0_k = local_index % 8u * 4u;
  let right0_tile_row = local_index / 8u * 4u;
  let right0_place = 520u + local_index % 8u * 65u + local_index / 8u;
  var left0_0: vec4<f32>;
  var left0_1: vec4<f32>;
  var left0_2: vec4<f32>;
  var left0_3: vec4<f32>;
  var right0_0: vec4<f32>;
  var right0_1: vec4<f32>;
  var right0_2: vec4<f32>;
  var right0_3: vec4<f32>;
  var k0 = 0u;
  left0_0 = load_left(batch, left0_row0, left0_tile_row + 0u, k0 + left0_k);
  left0_1 = load_left(batch, left0_row1, left0_tile_row + 1u, k0 + left0_k);
  left0_2 = load_left(batch, left0_row2, left0_tile_row + 2u, k0 + left0_k);
  left0_3 = load_left(batch, left0_row3, left0_tile_row + 3u, k0 + left0_k);
  right0_0 = load_right(batch, first_column + right0_tile_row + 0u, k0 + right0_k);
  right0_1 = load_right(batch, first_column + right0_tile_row + 1u, k0 + right0_k);
  right0_2 = load_right(batch, first_column + right0_tile_row + 2u, k0 + right0_k);
  right0_3 = load_right(batch, first_column + right0_tile_row + 3u, k0 + right0_k);
  for (var step = 0u; step < 2u; step++) {
    workgroupBarrier();
    tiles[left0_place] = vec4<f32>(left0_0.x, left0_1.x, left0_2.x, left0_3.x);
    tiles[left0_place + 16u] = vec4<f32>(left0_0.y, left0_1.y, left0_2.y, left0_3.y);
    tiles[left0_place + 32u] = vec4<f32>(left0_0.z, left0_1.z, left0_2.z, left0_3.z);
    tiles[left0_place + 48u] = vec4<f32>(left0_0.w, left0_1.w, left0_2.w, left0_3.w);
    tiles[right0_place] = vec4<f32>(right0_0.x, right0_1.x, right0_2.x, right0_3.x);
    tiles[right0_place + 16u] = vec4<f32>(right0_0.y, right0_1.y, right0_2.y, right0_3.y);
    tiles[right0_place + 32u] = vec4<f32>(right0_0.z, right0_1.z, right0_2.z, right0_3.z);
    tiles[right0_place + 48u] = vec4<f32>(right0_0.w, right0_1.w, right0_2.w, right0_3.w);
    workgroupBarrier();
    // The next step's loads are in flight while this one is multiplied.
    k0 = min(step + 1u, 2u - 1u) * 32u;
    left0_0 = load_left(batch, left0_row0, left0_tile_row + 0u, k0 + left0_k);
    left0_1 = load_left(batch, left0_row1, left0_tile_row + 1u, k0 + left0_k);
    left0_2 = load_left(batch, left0_row2, left0_tile_row + 2u, k0 + left0_k);
    left0_3 = load_left(batch, left0_row3, left0_tile_row + 3u, k0 + left0_k);
    right0_0 = load_right(batch, first_column + right0_tile_row + 0u, k0 + right0_k);
    right0_1 = load_right(batch, first_column + right0_tile_row + 1u, k0 + right0_k);
    right0_2 = load_right(batch, first_column + right0_tile_row + 2u, k0 + right0_k);
    right0_3 = load_right(batch, first_column + right0_tile_row + 3u, k0 + right0_k);
    let left = y + part * 260u;
    let right = 520u + x + part * 260u;
    {
      let a0 = tiles[left + 0u];
      let a1 = tiles[left + 8u];
      let b0 = tiles[right + 0u];
      let b1 = tiles[right + 8u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 16u];
      let a1 = tiles[left + 24u];
      let b0 = tiles[right + 16u];
      let b1 = tiles[right + 24u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 32u];
      let a1 = tiles[left + 40u];
      let b0 = tiles[right + 32u];
      let b1 = tiles[right + 40u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 48u];
      let a1 = tiles[left + 56u];
      let b0 = tiles[right + 48u];
      let b1 = tiles[right + 56u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 65u];
      let a1 = tiles[left + 73u];
      let b0 = tiles[right + 65u];
      let b1 = tiles[right + 73u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 81u];
      let a1 = tiles[left + 89u];
      let b0 = tiles[right + 81u];
      let b1 = tiles[right + 89u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 97u];
      let a1 = tiles[left + 105u];
      let b0 = tiles[right + 97u];
      let b1 = tiles[right + 105u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 113u];
      let a1 = tiles[left + 121u];
      let b0 = tiles[right + 113u];
      let b1 = tiles[right + 121u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 130u];
      let a1 = tiles[left + 138u];
      let b0 = tiles[right + 130u];
      let b1 = tiles[right + 138u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 146u];
      let a1 = tiles[left + 154u];
      let b0 = tiles[right + 146u];
      let b1 = tiles[right + 154u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 162u];
      let a1 = tiles[left + 170u];
      let b0 = tiles[right + 162u];
      let b1 = tiles[right + 170u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 178u];
      let a1 = tiles[left + 186u];
      let b0 = tiles[right + 178u];
      let b1 = tiles[right + 186u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 195u];
      let a1 = tiles[left + 203u];
      let b0 = tiles[right + 195u];
      let b1 = tiles[right + 203u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 211u];
      let a1 = tiles[left + 219u];
      let b0 = tiles[right + 211u];
      let b1 = tiles[right + 219u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 227u];
      let a1 = tiles[left + 235u];
      let b0 = tiles[right + 227u];
      let b1 = tiles[right + 235u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
    {
      let a0 = tiles[left + 243u];
      let a1 = tiles[left + 251u];
      let b0 = tiles[right + 243u];
      let b1 = tiles[right + 251u];
      sum0_0 = fma(vec4<f32>(a0.x), b0, sum0_0);
      sum0_1 = fma(vec4<f32>(a0.x), b1, sum0_1);
      sum1_0 = fma(vec4<f32>(a0.y), b0, sum1_0);
      sum1_1 = fma(vec4<f32>(a0.y), b1, sum1_1);
      sum2_0 = fma(vec4<f32>(a0.z), b0, sum2_0);
      sum2_1 = fma(vec4<f32>(a0.z), b1, sum2_1);
      sum3_0 = fma(vec4<f32>(a0.w), b0, sum3_0);
      sum3_1 = fma(vec4<f32>(a0.w), b1, sum3_1);
      sum4_0 = fma(vec4<f32>(a1.x), b0, sum4_0);
      sum4_1 = fma(vec4<f32>(a1.x), b1, sum4_1);
      sum5_0 = fma(vec4<f32>(a1.y), b0, sum5_0);
      sum5_1 = fma(vec4<f32>(a1.y), b1, sum5_1);
      sum6_0 = fma(vec4<f32>(a1.z), b0, sum6_0);
      sum6_1 = fma(vec4<f32>(a1.z), b1, sum6_1);
      sum7_0 = fma(vec4<f32>(a1.w), b0, sum7_0);
      sum7_1 = fma(vec4<f32>(a1.w), b1, sum7_1);
    }
  }
  workgroupBarrier();
  tiles[(part * 8u + y) * 16u + x + 0u] = sum0_0;
  tiles[(part * 8u + y) * 16u + x + 8u] = sum0_1;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 128u;
    let tile_row = (element / 16u + 0u) * 4u + 0u;
    let row = first_row + tile_row;
    let column = first_column + (element % 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, tiles[element + 0u] + tiles[element + 128u]);
    }
  }
  workgroupBarrier();
  tiles[(part * 8u + y) * 16u + x + 0u] = sum1_0;
  tiles[(part * 8u + y) * 16u + x + 8u] = sum1_1;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 128u;
    let tile_row = (element / 16u + 0u) * 4u + 1u;
    let row = first_row + tile_row;
    let column = first_column + (element % 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, tiles[element + 0u] + tiles[element + 128u]);
    }
  }
  workgroupBarrier();
  tiles[(part * 8u + y) * 16u + x + 0u] = sum2_0;
  tiles[(part * 8u + y) * 16u + x + 8u] = sum2_1;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 128u;
    let tile_row = (element / 16u + 0u) * 4u + 2u;
    let row = first_row + tile_row;
    let column = first_column + (element % 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, tiles[element + 0u] + tiles[element + 128u]);
    }
  }
  workgroupBarrier();
  tiles[(part * 8u + y) * 16u + x + 0u] = sum3_0;
  tiles[(part * 8u + y) * 16u + x + 8u] = sum3_1;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 128u;
    let tile_row = (element / 16u + 0u) * 4u + 3u;
    let row = first_row + tile_row;
    let column = first_column + (element % 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, tiles[element + 0u] + tiles[element + 128u]);
    }
  }
  workgroupBarrier();
  tiles[(part * 8u + y) * 16u + x + 0u] = sum4_0;
  tiles[(part * 8u + y) * 16u + x + 8u] = sum4_1;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 128u;
    let tile_row = (element / 16u + 8u) * 4u + 0u;
    let row = first_row + tile_row;
    let column = first_column + (element % 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, tiles[element + 0u] + tiles[element + 128u]);
    }
  }
  workgroupBarrier();
  tiles[(part * 8u + y) * 16u + x + 0u] = sum5_0;
  tiles[(part * 8u + y) * 16u + x + 8u] = sum5_1;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 128u;
    let tile_row = (element / 16u + 8u) * 4u + 1u;
    let row = first_row + tile_row;
    let column = first_column + (element % 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, tiles[element + 0u] + tiles[element + 128u]);
    }
  }
  workgroupBarrier();
  tiles[(part * 8u + y) * 16u + x + 0u] = sum6_0;
  tiles[(part * 8u + y) * 16u + x + 8u] = sum6_1;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 128u;
    let tile_row = (element / 16u + 8u) * 4u + 2u;
    let row = first_row + tile_row;
    let column = first_column + (element % 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, tiles[element + 0u] + tiles[element + 128u]);
    }
  }
  workgroupBarrier();
  tiles[(part * 8u + y) * 16u + x + 0u] = sum7_0;
  tiles[(part * 8u + y) * 16u + x + 8u] = sum7_1;
  workgroupBarrier();
  for (var step = 0u; step < 1u; step++) {
    let element = local_index + step * 128u;
    let tile_row = (element / 16u + 8u) * 4u + 3u;
    let row = first_row + tile_row;
    let column = first_column + (element % 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, tiles[element + 0u] + tiles[element + 128u]);
    }
  }
}
