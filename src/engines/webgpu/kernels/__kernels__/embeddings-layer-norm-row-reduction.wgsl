struct Extents {
  batch: u32,
  sequence: u32,
  keys: u32,
  tokens: u32,
}
@group(0) @binding(0) var<uniform> extents: Extents;
@group(0) @binding(1) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in0: array<i32>;
@group(0) @binding(3) var<storage, read> in1: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> in2: array<i32>;
@group(0) @binding(5) var<storage, read> in3: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> in4: array<i32>;
@group(0) @binding(7) var<storage, read> in5: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> vectors: array<vec4<f32>>;
var<workgroup> shared_values: array<f32, 64>;
var<workgroup> group_values: array<f32, 8>;
fn sum_of_row(value: f32, index: u32) -> f32 {
  workgroupBarrier();
  shared_values[index] = value;
  workgroupBarrier();
  let first = index / 8u * 8u;
  var all = shared_values[first];
  for (var next = 1u; next < 8u; next++) { all = all + shared_values[first + next]; }
  if (index == first) { group_values[index / 8u] = all; }
  workgroupBarrier();
  all = group_values[0];
  for (var next = 1u; next < 8u; next++) { all = all + group_values[next]; }
  return all;
}
fn max_of_row(value: f32, index: u32) -> f32 {
  workgroupBarrier();
  shared_values[index] = value;
  workgroupBarrier();
  let first = index / 8u * 8u;
  var all = shared_values[first];
  for (var next = 1u; next < 8u; next++) { all = max(all, shared_values[first + next]); }
  if (index == first) { group_values[index / 8u] = all; }
  workgroupBarrier();
  all = group_values[0];
  for (var next = 1u; next < 8u; next++) { all = max(all, group_values[next]); }
  return all;
}
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) local_index: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= extents.tokens) { return; }
  let column_0 = min(local_index * 4u + 0u, 60u);
  let s1 = f32(in0[row]);
  let v2 = in1[min(u32(s1), 99u) * 16u + column_0 / 4u];
  let s3 = f32(in2[row]);
  let v4 = in3[min(u32(s3), 1u) * 16u + column_0 / 4u];
  let v5 = (v2 + v4);
  let s6 = f32(in4[row]);
  let v7 = in5[min(u32(s6), 63u) * 16u + column_0 / 4u];
  let v8 = (v5 + v7);
  let s9 = in1[min(u32(s1), 99u) * 16u][(0u % 4u)];
  let s10 = in3[min(u32(s3), 1u) * 16u][(0u % 4u)];
  let s11 = (s9 + s10);
  let s12 = in5[min(u32(s6), 63u) * 16u][(0u % 4u)];
  let s13 = (s11 + s12);
  let v14 = vec4<f32>(s13);
  let v15 = (v8 - v14);
  let partial16 = select(vec4<f32>(0.0f), v15, local_index * 4u + 0u <= 60u);
  let row_value0 = sum_of_row(((partial16.x + partial16.y) + (partial16.z + partial16.w)), local_index);
  let s18 = (row_value0 / 64.0f);
  let v19 = vec4<f32>(s18);
  let v20 = (v15 - v19);
  let v21 = (v20 * v20);
  let partial22 = select(vec4<f32>(0.0f), v21, local_index * 4u + 0u <= 60u);
  let row_value17 = sum_of_row(((partial22.x + partial22.y) + (partial22.z + partial22.w)), local_index);
  let s23 = (row_value17 / 64.0f);
  let s24 = (s23 + 9.999999960041972e-13f);
  let s25 = sqrt(s24);
  let v26 = vec4<f32>(s25);
  let v27 = (v20 / v26);
  let v28 = vectors[column_0 / 4u];
  let v29 = (v27 * v28);
  let v30 = vectors[16u + column_0 / 4u];
  let v31 = (v29 + v30);
  if (local_index * 4u + 0u <= 60u) {
    out0[row * 16u + column_0 / 4u] = v31;
  }
}
