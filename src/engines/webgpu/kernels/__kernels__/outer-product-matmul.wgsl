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
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) local_index: u32,
) {
  let first_row = group.y * 128u;
  let first_column = group.x * 128u;
  let batch = group.z;
  let part = local_index / 256u;
  let lane = local_index % 32u;
  let block = (local_index % 256u) / 32u;
  let y = block / 2u * 4u + lane / 2u % 2u + lane / 16u * 2u;
  let x = block % 2u * 8u + lane % 2u + lane / 4u % 4u * 2u;
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
  let is_left = local_index < 128u;
  let both0_k = (local_index % 128u) % 4u * 4u;
  let both0_tile_row = (local_index % 128u) / 4u * 4u;
  let both0_place = select(520u, 0u, is_left) + (local_index % 128u) % 4u * 130u + (local_index % 128u) / 4u;
  let both0_row0 = min(first_row + both0_tile_row + 0u, extents.tokens - 1u);
  let both0_row1 = min(first_row + both0_tile_row + 1u, extents.tokens - 1u);
  let both0_row2 = min(first_row + both0_tile_row + 2u, extents.tokens - 1u);
  let both0_row3 = min(first_row + both0_tile_row + 3u, extents.tokens - 1u);
  var both0_0: vec4<f32>;
  var both0_1: vec4<f32>;
  var both0_2: vec4<f32>;
  var both0_3: vec4<f32>;
  var k0 = 0u;
  if (is_left) {
    both0_0 = load_left(batch, both0_row0, both0_tile_row + 0u, k0 + both0_k);
    both0_1 = load_left(batch, both0_row1, both0_tile_row + 1u, k0 + both0_k);
    both0_2 = load_left(batch, both0_row2, both0_tile_row + 2u, k0 + both0_k);
    both0_3 = load_left(batch, both0_row3, both0_tile_row + 3u, k0 + both0_k);
  } else {
    both0_0 = load_right(batch, first_column + both0_tile_row + 0u, k0 + both0_k);
    both0_1 = load_right(batch, first_column + both0_tile_row + 1u, k0 + both0_k);
    both0_2 = load_right(batch, first_column + both0_tile_row + 2u, k0 + both0_k);
    both0_3 = load_right(batch, first_column + both0_tile_row + 3u, k0 + both0_k);
  }
  for (var step = 0u; step < 4u; step++) {
    workgroupBarrier();
    tiles[both0_place] = vec4<f32>(both0_0.x, both0_1.x, both0_2.x, both0_3.x);
    tiles[both0_place + 32u] = vec4<f32>(both0_0.y, both0_1.y, both0_2.y, both0_3.y);
    tiles[both0_place + 64u] = vec4<f32>(both0_0.z, both0_1.z, both0_2.z, both0_3.z);
    tiles[both0_place + 96u] = vec4<f32>(both0_0.w, both0_1.w, both0_2.w, both0_3.w);
    workgroupBarrier();
    // The next step's loads are in flight while this one is multiplied.
    k0 = min(step + 1u, 4u - 1u) * 16u;
    if (is_left) {
      both0_0 = load_left(batch, both0_row0, both0_tile_row + 0u, k0 + both0_k);
      both0_1 = load_left(batch, both0_row1, both0_tile_row + 1u, k0 + both0_k);
      both0_2 = load_left(batch, both0_row2, both0_tile_row + 2u, k0 + both0_k);
      both0_3 = load_left(batch, both0_row3, both0_tile_row + 3u, k0 + both0_k);
    } else {
      both0_0 = load_right(batch, first_column + both0_tile_row + 0u, k0 + both0_k);
      both0_1 = load_right(batch, first_column + both0_tile_row + 1u, k0 + both0_k);
      both0_2 = load_right(batch, first_column + both0_tile_row + 2u, k0 + both0_k);
      both0_3 = load_right(batch, first_column + both0_tile_row + 3u, k0 + both0_k);
    }
    let left = y;
    let right = 520u + x;
    {
      let a0 = tiles[left + 0u];
      let a1 = tiles[left + 16u];
      let b0 = tiles[right + 0u];
      let b1 = tiles[right + 16u];
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
      let a1 = tiles[left + 48u];
      let b0 = tiles[right + 32u];
      let b1 = tiles[right + 48u];
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
      let a0 = tiles[left + 64u];
      let a1 = tiles[left + 80u];
      let b0 = tiles[right + 64u];
      let b1 = tiles[right + 80u];
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
      let a0 = tiles[left + 96u];
      let a1 = tiles[left + 112u];
      let b0 = tiles[right + 96u];
      let b1 = tiles[right + 112u];
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
      let a1 = tiles[left + 146u];
      let b0 = tiles[right + 130u];
      let b1 = tiles[right + 146u];
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
      let a1 = tiles[left + 178u];
      let b0 = tiles[right + 162u];
      let b1 = tiles[right + 178u];
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
      let a0 = tiles[left + 194u];
      let a1 = tiles[left + 210u];
      let b0 = tiles[right + 194u];
      let b1 = tiles[right + 210u];
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
      let a0 = tiles[left + 226u];
      let a1 = tiles[left + 242u];
      let b0 = tiles[right + 226u];
      let b1 = tiles[right + 242u];
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
      let a0 = tiles[left + 260u];
      let a1 = tiles[left + 276u];
      let b0 = tiles[right + 260u];
      let b1 = tiles[right + 276u];
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
      let a0 = tiles[left + 292u];
      let a1 = tiles[left + 308u];
      let b0 = tiles[right + 292u];
      let b1 = tiles[right + 308u];
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
      let a0 = tiles[left + 324u];
      let a1 = tiles[left + 340u];
      let b0 = tiles[right + 324u];
      let b1 = tiles[right + 340u];
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
      let a0 = tiles[left + 356u];
      let a1 = tiles[left + 372u];
      let b0 = tiles[right + 356u];
      let b1 = tiles[right + 372u];
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
      let a0 = tiles[left + 390u];
      let a1 = tiles[left + 406u];
      let b0 = tiles[right + 390u];
      let b1 = tiles[right + 406u];
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
      let a0 = tiles[left + 422u];
      let a1 = tiles[left + 438u];
      let b0 = tiles[right + 422u];
      let b1 = tiles[right + 438u];
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
      let a0 = tiles[left + 454u];
      let a1 = tiles[left + 470u];
      let b0 = tiles[right + 454u];
      let b1 = tiles[right + 470u];
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
      let a0 = tiles[left + 486u];
      let a1 = tiles[left + 502u];
      let b0 = tiles[right + 486u];
      let b1 = tiles[right + 502u];
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
  {
    let tile_row = (y + 0u) * 4u + 0u;
    let row = first_row + tile_row;
    let column = first_column + (x + 0u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum0_0);
    }
  }
  {
    let tile_row = (y + 0u) * 4u + 0u;
    let row = first_row + tile_row;
    let column = first_column + (x + 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum0_1);
    }
  }
  {
    let tile_row = (y + 0u) * 4u + 1u;
    let row = first_row + tile_row;
    let column = first_column + (x + 0u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum1_0);
    }
  }
  {
    let tile_row = (y + 0u) * 4u + 1u;
    let row = first_row + tile_row;
    let column = first_column + (x + 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum1_1);
    }
  }
  {
    let tile_row = (y + 0u) * 4u + 2u;
    let row = first_row + tile_row;
    let column = first_column + (x + 0u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum2_0);
    }
  }
  {
    let tile_row = (y + 0u) * 4u + 2u;
    let row = first_row + tile_row;
    let column = first_column + (x + 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum2_1);
    }
  }
  {
    let tile_row = (y + 0u) * 4u + 3u;
    let row = first_row + tile_row;
    let column = first_column + (x + 0u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum3_0);
    }
  }
  {
    let tile_row = (y + 0u) * 4u + 3u;
    let row = first_row + tile_row;
    let column = first_column + (x + 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum3_1);
    }
  }
  {
    let tile_row = (y + 16u) * 4u + 0u;
    let row = first_row + tile_row;
    let column = first_column + (x + 0u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum4_0);
    }
  }
  {
    let tile_row = (y + 16u) * 4u + 0u;
    let row = first_row + tile_row;
    let column = first_column + (x + 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum4_1);
    }
  }
  {
    let tile_row = (y + 16u) * 4u + 1u;
    let row = first_row + tile_row;
    let column = first_column + (x + 0u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum5_0);
    }
  }
  {
    let tile_row = (y + 16u) * 4u + 1u;
    let row = first_row + tile_row;
    let column = first_column + (x + 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum5_1);
    }
  }
  {
    let tile_row = (y + 16u) * 4u + 2u;
    let row = first_row + tile_row;
    let column = first_column + (x + 0u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum6_0);
    }
  }
  {
    let tile_row = (y + 16u) * 4u + 2u;
    let row = first_row + tile_row;
    let column = first_column + (x + 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum6_1);
    }
  }
  {
    let tile_row = (y + 16u) * 4u + 3u;
    let row = first_row + tile_row;
    let column = first_column + (x + 0u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum7_0);
    }
  }
  {
    let tile_row = (y + 16u) * 4u + 3u;
    let row = first_row + tile_row;
    let column = first_column + (x + 16u) * 4u;
    if (row < extents.tokens && column < 1152u) {
      epilogue(batch, row, tile_row, column, sum7_1);
    }
  }
}
